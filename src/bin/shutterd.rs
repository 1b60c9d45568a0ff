// SPDX-License-Identifier: MIT OR Apache-2.0
//! The service. Exit codes: 0, 64 usage, 69 a camera could not be released or the service could
//! not begin, 78 configuration.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use shutterd::config::Config;
use shutterd::daemon::signals::Signals;
use shutterd::daemon::{Ending, inherited, log, memory, serve};

const USAGE: u8 = 64;
const UNAVAILABLE: u8 = 69;
const CONFIGURATION: u8 = 78;

/// The camera service: the camera is open only while needed, and observed closed.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The configuration; /etc/shutterd/shutterd.toml unless said.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the configuration, print what would be done, and end.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let sockets = inherited::take();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let asked = !error.use_stderr();
            // Nothing more can be said to whom nothing can be printed.
            let _ = error.print();
            return if asked { ExitCode::SUCCESS } else { ExitCode::from(USAGE) };
        }
    };
    let config = match Config::load(arguments.config.as_deref(), std::env::vars()) {
        Ok(config) => config,
        Err(report) => {
            let _ = write!(std::io::stderr(), "{report}");
            return ExitCode::from(CONFIGURATION);
        }
    };
    if arguments.check {
        let printed = write!(std::io::stdout(), "{}", config.plan_text());
        return if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    log::init();
    memory::use_small_pages();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        // Two threads of work are plenty for signalling; the media have their own processes.
        .worker_threads(2)
        .thread_name("shutterd")
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::from(UNAVAILABLE);
        }
    };
    let ended = runtime.block_on(async {
        let mut signals = Signals::watch()?;
        let ended = serve(config, sockets, signals.next()).await;
        Ok::<_, std::io::Error>(ended)
    });
    // A thread that hangs in a driver must not keep the process.
    runtime.shutdown_background();
    match ended {
        Ok(Ok(Ending::Clean)) => ExitCode::SUCCESS,
        Ok(Ok(Ending::Wedged)) => {
            tracing::error!("a camera could not be released");
            ExitCode::from(UNAVAILABLE)
        }
        Ok(Err(error)) => {
            tracing::error!("{error}");
            ExitCode::from(UNAVAILABLE)
        }
        Err(error) => {
            tracing::error!(%error, "no signal handlers");
            ExitCode::from(UNAVAILABLE)
        }
    }
}
