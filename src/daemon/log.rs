// SPDX-License-Identifier: MIT OR Apache-2.0
//! The log: to the journal when systemd reads our standard error, to standard error otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The variable that says what is logged, as `tracing` has it: `info`, `shutterd=debug`.
pub const FILTER_VARIABLE: &str = "SHUTTERD_LOG";

/// Begins the log. Call once.
pub fn init() {
    let filter =
        EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        // Fields become fields of the journal: `journalctl STEP=close-camera`.
        if let Ok(journal) = tracing_journald::layer() {
            registry.with(journal.with_field_prefix(None)).init();
            return;
        }
    }
    let stderr = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    registry.with(stderr).init();
}
