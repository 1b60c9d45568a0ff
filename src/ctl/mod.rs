// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line. Every command has a form for people, aligned text, and one for programs,
//! `--json`. What the service says is printed as it says it.
//!
//! Exit codes: 0; 1 a fault that the service reports, or a pipeline that has mistakes or does not
//! run; 64 usage; 69 the service cannot be reached.

mod args;
mod client;
mod doctor;
mod error;
mod order;
mod output;
mod pipelines;
mod service;
mod stats;
mod timeline;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use shutterd::signalling::whip::PushRequest;

use args::{Arguments, Command};
use client::Client;
use error::CtlError;
use output::Output;

/// Runs the command line of this process.
pub(crate) fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and the version are no mistakes, and go to stdout. Nobody may be reading.
            let _ = error.print();
            return if error.use_stderr() { error::USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    let mut out = Output::new(arguments.json);
    match run(arguments, &mut out) {
        Ok(code) => code,
        Err(error) => {
            error.report();
            error.exit_code()
        }
    }
}

fn run(arguments: Arguments, out: &mut Output) -> Result<ExitCode, CtlError> {
    match arguments.command {
        Command::Order => order::print(out)?,
        Command::Pipelines { directories, command } => {
            return pipelines::run(&directories, command, &Client::new(arguments.socket), out);
        }
        Command::Doctor { config } => {
            let client = Client::new(arguments.socket);
            return runtime()?.block_on(doctor::run(&client, config.as_deref(), out));
        }
        asking => {
            runtime()?.block_on(ask(&Client::new(arguments.socket), asking, out))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One thread is plenty, and it starts faster.
fn runtime() -> Result<tokio::runtime::Runtime, CtlError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(CtlError::Output)
}

async fn ask(client: &Client, command: Command, out: &mut Output) -> Result<(), CtlError> {
    match command {
        Command::Status => service::status(client, out).await,
        Command::Cameras => service::cameras(client, out).await,
        Command::Sessions { all } => service::sessions(client, all, out).await,
        Command::Start { camera, whip, token_file } => {
            let read = |file: std::path::PathBuf| match std::fs::read_to_string(&file) {
                Ok(text) => Ok(text.trim().to_owned()),
                Err(error) => Err(CtlError::Usage(format!("{}: {error}", file.display()))),
            };
            let token = token_file.map(read).transpose()?;
            let push = PushRequest { camera, whip, token };
            service::start(client, &push, out).await
        }
        Command::Stop { session, all } => {
            let which = if all { None } else { session.as_deref() };
            service::stop(client, which, out).await
        }
        Command::Stats { session } => stats::print(client, session.as_deref(), out).await,
        Command::Watch => watch::run(client, out).await,
        Command::Timeline { session } => timeline::print(client, &session, out).await,
        Command::Doctor { .. } | Command::Order | Command::Pipelines { .. } => Ok(()),
    }
}
