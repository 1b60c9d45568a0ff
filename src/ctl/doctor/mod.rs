// SPDX-License-Identifier: MIT OR Apache-2.0
//! `doctor`: what this system has of what the service needs, what it lacks, and what to do about it. Asks
//! whom the service would ask, and the service itself where it runs. Drivers are asked what they are,
//! which opens their nodes for a moment; nothing streams.

mod boards;
mod cameras;
mod finding;
mod media;
mod system;

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use shutterd::config::{Config, ConfigReport};
use shutterd::session::ServiceStatus;
use shutterd::worker::program;

use super::client::Client;
use super::error::CtlError;
use super::output::Output;
use finding::{Finding, Level};

/// Fails when something that is configured cannot work.
pub(super) async fn run(
    client: &Client,
    file: Option<&Path>,
    out: &mut Output,
) -> Result<ExitCode, CtlError> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config = Config::load(file, variables);
    let status = client.status().await;

    let mut findings = vec![service(&status), configuration(&config)];
    findings.extend(system::look().await);
    let config = config.ok();
    let configured = config.as_ref().map(|config| &config.media);
    let boards = boards::load(configured.map_or(&[], |media| &media.pipelines));
    let worker = program::find(configured.and_then(|media| media.worker.as_deref()));
    let inventory = media::inventory(&worker, boards::elements(&boards)).await;
    match &inventory {
        Ok(inventory) => {
            findings.extend(media::findings(inventory));
            findings.extend(boards::findings(&boards, inventory, config.as_ref()));
        }
        Err(why) => {
            let remedy =
                format!("is it all there? {} has to be of the same build", worker.display());
            findings.push(Finding::wrong("GStreamer", why.clone()).remedy(remedy));
        }
    }
    let inventory = inventory.ok();
    let status = status.ok();
    findings.extend(cameras::findings(config.as_ref(), status.as_ref(), inventory.as_ref()).await);

    if out.is_json() {
        out.json(&json!({ "findings": findings, "inventory": inventory }))?;
    } else {
        finding::print(&findings, out)?;
    }
    let wrong = findings.iter().any(|finding| finding.level == Level::Wrong);
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn service(status: &Result<ServiceStatus, CtlError>) -> Finding {
    match status {
        Ok(status) if status.version == env!("CARGO_PKG_VERSION") => {
            Finding::ok("service", format!("shutterd {} runs", status.version))
        }
        Ok(status) => Finding::wrong(
            "service",
            format!("shutterd {} runs; this is {}", status.version, env!("CARGO_PKG_VERSION")),
        )
        .remedy("restart it: daemon, worker and shutterctl are of one build"),
        Err(error) => {
            let said = error.to_string();
            let (first, rest) = said.split_once('\n').unwrap_or((&said, ""));
            Finding::note("service", first).remedy(rest)
        }
    }
}

fn configuration(config: &Result<Config, ConfigReport>) -> Finding {
    match config {
        Ok(config) if config.sources.is_empty() => {
            Finding::note("configuration", "none: one camera, `head`, with the board `demo`")
                .remedy("write /etc/shutterd/shutterd.toml")
        }
        Ok(config) => Finding::ok("configuration", config.sources.join(", ")),
        Err(report) => Finding::wrong("configuration", report.to_string().trim_end())
            .remedy("until it is right, the cameras of it are not looked at"),
    }
}
