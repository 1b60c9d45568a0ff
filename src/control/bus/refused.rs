// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a call on the bus was refused.

use zbus::message::Header;
use zbus::names::ErrorName;

use crate::http::Problem;

/// Why a call was refused: a problem, whose code names the error (`camera-busy` is
/// `io.shutterd.Error.CameraBusy`), or one of the bus itself.
#[derive(Debug)]
pub(super) enum Refused {
    Problem(Problem),
    /// Neither the bus's policy nor polkit's rules let the caller do this.
    NotAuthorized(String),
    Bus(zbus::Error),
}

impl Refused {
    fn code(&self) -> String {
        let code = match self {
            Refused::Problem(problem) => problem.code.name(),
            Refused::NotAuthorized(_) => "not-authorized",
            Refused::Bus(_) => "bus-failed",
        };
        let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
        code.split('-').map(capital).collect()
    }

    fn words(&self) -> String {
        match self {
            Refused::Problem(problem) => {
                let document = problem.document();
                format!("{}; {}", document.detail, document.remedy)
            }
            Refused::NotAuthorized(action) => format!("polkit does not allow {action}"),
            Refused::Bus(error) => error.to_string(),
        }
    }
}

impl zbus::DBusError for Refused {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<zbus::Message> {
        zbus::Message::error(call, self.name()).build(&self.words())
    }

    fn name(&self) -> ErrorName<'_> {
        ErrorName::from_string_unchecked(format!("io.shutterd.Error.{}", self.code()))
    }

    fn description(&self) -> Option<&str> {
        None
    }
}

impl<P: Into<Problem>> From<P> for Refused {
    fn from(problem: P) -> Self {
        Refused::Problem(problem.into())
    }
}
