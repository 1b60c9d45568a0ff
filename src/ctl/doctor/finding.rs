// SPDX-License-Identifier: MIT OR Apache-2.0
//! One thing that was looked at, and what is to be done about it.

use serde::Serialize;

use crate::ctl::error::CtlError;
use crate::ctl::output::Output;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing that is configured fails for it.
    Note,
    /// Something that is configured cannot work.
    Wrong,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// What was looked at.
    pub(super) about: String,
    /// How it stands, in words.
    pub(super) says: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Finding {
    pub(super) fn ok(about: impl Into<String>, says: impl Into<String>) -> Self {
        Self { level: Level::Ok, about: about.into(), says: says.into(), remedy: None }
    }

    pub(super) fn note(about: impl Into<String>, says: impl Into<String>) -> Self {
        Self { level: Level::Note, ..Self::ok(about, says) }
    }

    pub(super) fn wrong(about: impl Into<String>, says: impl Into<String>) -> Self {
        Self { level: Level::Wrong, ..Self::ok(about, says) }
    }

    pub(super) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

/// For a person: a line for each, and one below it for what is to be done.
pub(super) fn print(findings: &[Finding], out: &mut Output) -> Result<(), CtlError> {
    let width = findings.iter().map(|finding| finding.about.chars().count()).max().unwrap_or(0);
    for finding in findings {
        let mark = match finding.level {
            Level::Ok => "ok",
            Level::Note => "note",
            Level::Wrong => "WRONG",
        };
        let mut lines = finding.says.lines();
        let first = lines.next().unwrap_or_default();
        out.line(&format!("{mark:5}  {:width$}  {first}", finding.about))?;
        let below = |line: &str| format!("{:1$}{line}", "", width + 9);
        for line in lines {
            out.line(&below(line))?;
        }
        if let Some(remedy) = &finding.remedy {
            out.line(&below(&format!("-> {remedy}")))?;
        }
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    out.line(&format!("\n{} wrong, {} to note", count(Level::Wrong), count(Level::Note)))
}
