// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every mistake of a configuration, with its place, in one report.

use std::fmt;
use std::sync::Arc;

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of a file, counted from 1.
    Line(Arc<str>, usize),
    /// A file as a whole.
    File(Arc<str>),
    /// A variable of the environment.
    Variable(Arc<str>),
    /// Nowhere: the built-in default.
    BuiltIn,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(file, line) => write!(f, "{file}:{line}"),
            Place::File(file) => f.write_str(file),
            Place::Variable(name) => write!(f, "environment {name}"),
            Place::BuiltIn => f.write_str("built-in default"),
        }
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// The key, dotted (`camera.width`); empty when no key is at fault.
    pub key: String,
    /// What is wrong.
    pub wrong: String,
    /// What to write instead.
    pub instead: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.wrong, self.instead)
    }
}

/// Every mistake found, one to a line: `file:line: key: what is wrong; what to write instead`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order in which they were found: by file, then by line, contradictions last.
    pub mistakes: Vec<Mistake>,
}

impl Report {
    /// Takes one mistake down.
    pub fn add(
        &mut self,
        place: &Place,
        key: impl Into<String>,
        wrong: impl Into<String>,
        instead: impl Into<String>,
    ) {
        self.mistakes.push(Mistake {
            place: place.clone(),
            key: key.into(),
            wrong: wrong.into(),
            instead: instead.into(),
        });
    }

    /// Whether there is nothing to report.
    pub fn is_empty(&self) -> bool {
        self.mistakes.is_empty()
    }

    /// `value` when there was no mistake, the report otherwise.
    pub fn or<T>(self, value: T) -> Result<T, Report> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.mistakes.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}
