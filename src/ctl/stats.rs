// SPDX-License-Identifier: MIT OR Apache-2.0
//! `stats`: what each viewer is sent, and what its path takes.

use futures_util::future::join_all;
use serde::Serialize;
use shutterd::lifecycle::Phase;
use shutterd::session::SessionStatus;
use shutterd::wire::{SessionId, ViewerStats};

use super::client::Client;
use super::error::CtlError;
use super::output::{NOTHING, Output};

/// One session's figures.
#[derive(Serialize)]
struct Figures {
    session: SessionId,
    #[serde(flatten)]
    stats: ViewerStats,
}

/// Of the session that is named, or of each that runs.
pub(super) async fn print(
    client: &Client,
    which: Option<&str>,
    out: &mut Output,
) -> Result<(), CtlError> {
    let sessions = match which {
        Some(name) => vec![client.find(name).await?],
        None => {
            let runs = |session: &SessionStatus| session.phase == Phase::Running;
            client.status().await?.sessions.into_iter().filter(runs).collect()
        }
    };
    let asked = sessions.into_iter().map(|session| async move {
        let path = format!("/api/v1/sessions/{}/stats", session.id);
        let stats = client.get(&path).await?;
        Ok::<_, CtlError>(Figures { session: session.id, stats })
    });
    let figures = join_all(asked).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    if out.is_json() {
        return out.json(&figures);
    }
    let rows: Vec<_> = figures.iter().map(row).collect();
    out.table(["SESSION", "FRAMES", "LEFT OUT", "MB SENT", "LOST", "ROUND TRIP", "PATH"], &rows)
}

fn row(Figures { session, stats }: &Figures) -> [String; 7] {
    [
        session.to_string(),
        stats.frames.to_string(),
        stats.frames_dropped.to_string(),
        format!("{:.1}", stats.bytes_sent as f64 / 1e6),
        stats.packets_lost.to_string(),
        stats.round_trip_ms.map_or(NOTHING.to_owned(), |ms| format!("{ms:.1} ms")),
        stats.path_bitrate.map_or(NOTHING.to_owned(), |bits| format!("{} kb/s", bits / 1000)),
    ]
}
