// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lab: sessions of the real media path whose order was changed. Are all steps necessary, is
//! this their order, and has one to wait for anything? docs/order.md has what came of it.
//!
//! Without arguments, as a test: each kind of change once on the demo board, and what every record
//! has to say. As the experiment (`make lab`): every change, so many rounds, a record a line.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says so by failing, and a test's main prints"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shutterd::config::Config;
use shutterd::worker::{Spares, program};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use crate::board::Board;
use crate::trial::{Lab, Patience};

mod board;
mod cast;
mod check;
#[path = "../media/decoder.rs"]
mod decoder;
mod experiments;
mod left;
mod naive;
mod one_pipeline;
mod order;
mod place;
mod record;
mod rounds;
#[path = "../media/soon.rs"]
mod soon;
mod trial;
#[path = "../media/viewer.rs"]
#[allow(dead_code, reason = "for those who do more with a viewer")]
mod viewer;

const DEMO: &str = r#"
[[camera]]
name = "head"
board = "demo"
width = 320
height = 240
framerate = 30
"#;

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(naive::ARGUMENT) {
        return one_pipeline::main();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match std::env::var_os("LAB_RECORDS") {
            Some(file) => Box::pin(rounds::run(PathBuf::from(file))).await,
            None => Box::pin(check::run()).await,
        }
    });
    runtime.shutdown_background();
}

/// A number from the environment.
pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// The lab, with the board of the configuration that is named in `LAB_CONFIG`, or the demo board.
pub(crate) async fn lab() -> Lab {
    let config = match std::env::var_os("LAB_CONFIG") {
        Some(file) => Config::load(Some(Path::new(&file)), []),
        None => Config::from_text(DEMO),
    };
    let board = Arc::new(Board::of(config).unwrap());
    let worker = std::env::var_os("LAB_WORKER").map(PathBuf::from);
    let worker = program::find(worker.or_else(built).as_deref());
    // An emulated processor takes ten times as long for anything.
    let slow = u32::try_from(number("LAB_SLOW", 1)).unwrap();
    let patience = Patience {
        step: Duration::from_secs(1) * slow.min(5),
        closed: Duration::from_secs(4),
        goodbye: Duration::from_millis(100) * slow,
        span: Duration::from_millis(600) * slow.min(5),
    };
    let spares = Spares::new(worker, board.elements(), true, TaskTracker::new());
    spares.prepare().await;
    Lab { board, spares: Arc::new(spares), patience }
}

/// Where cargo has built the worker, if this is the machine on which it did.
fn built() -> Option<PathBuf> {
    let built = PathBuf::from(env!("CARGO_BIN_EXE_shutter-media"));
    built.exists().then_some(built)
}

/// Does what may panic in a task of its own; what it says then, instead.
pub(crate) async fn guarded<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, String> {
    let mut tasks = JoinSet::new();
    tasks.spawn(work);
    match tasks.join_next().await {
        Some(Ok(done)) => Ok(done),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("nothing was done".into()),
    }
}
