// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong, and the exit code that says so (sysexits.h).

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use shutterd::http::ProblemDocument;
use shutterd::lifecycle::Fault;

/// Wrong arguments.
pub(super) const USAGE: u8 = 64;
/// The service cannot be reached.
pub(super) const UNAVAILABLE: u8 = 69;

/// Why a command came to nothing.
#[derive(Debug)]
pub(super) enum CtlError {
    /// The arguments name something that is not there.
    Usage(String),
    /// Nobody answers on the control socket, or not as the service would.
    Unreachable(PathBuf, String),
    /// The service refused.
    Problem(Box<ProblemDocument>),
    /// Not done, for a reason that needs no service.
    Failed(String),
    /// Stdout cannot be written.
    Output(io::Error),
}

impl From<io::Error> for CtlError {
    fn from(error: io::Error) -> Self {
        CtlError::Output(error)
    }
}

impl From<Fault> for CtlError {
    fn from(fault: Fault) -> Self {
        CtlError::Failed(format!("{fault}\n{}", fault.code.remedy()))
    }
}

impl CtlError {
    /// Whoever read our output has enough of it.
    fn is_broken_pipe(&self) -> bool {
        matches!(self, CtlError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Says it on stderr.
    pub(super) fn report(&self) {
        if !self.is_broken_pipe() {
            // There is nowhere left to say that stderr is closed.
            let _ = writeln!(io::stderr(), "shutterctl: {self}");
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            _ if self.is_broken_pipe() => ExitCode::SUCCESS,
            CtlError::Usage(_) => USAGE.into(),
            CtlError::Unreachable(..) => UNAVAILABLE.into(),
            CtlError::Problem(_) | CtlError::Failed(_) | CtlError::Output(_) => ExitCode::FAILURE,
        }
    }
}

impl std::fmt::Display for CtlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CtlError::Usage(what) | CtlError::Failed(what) => f.write_str(what),
            CtlError::Unreachable(socket, why) => {
                let socket = socket.display();
                write!(
                    f,
                    "the service does not answer on {socket}: {why}\n\
                     check that shutterd runs, and that you may use its socket"
                )
            }
            CtlError::Problem(problem) => {
                write!(f, "{}: {}\n{}", problem.code, problem.detail, problem.remedy)
            }
            CtlError::Output(error) => write!(f, "cannot write: {error}"),
        }
    }
}
