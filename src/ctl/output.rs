// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stdout: the one place that writes to it.

use std::io::{self, Write};

use serde::Serialize;

use super::error::CtlError;

/// Where results go.
pub(super) struct Output {
    json: bool,
    stdout: io::Stdout,
}

impl Output {
    /// Text, or JSON.
    pub(super) fn new(json: bool) -> Self {
        Self { json, stdout: io::stdout() }
    }

    /// Whether JSON is wanted.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Writes one line, at once: somebody may be following.
    pub(super) fn line(&mut self, line: &str) -> Result<(), CtlError> {
        writeln!(self.stdout, "{line}")?;
        Ok(self.stdout.flush()?)
    }

    /// Writes `value` as JSON for reading.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), CtlError> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
        self.line(&text)
    }

    /// Writes `value` as JSON on one line, for following.
    pub(super) fn json_line(&mut self, value: &impl Serialize) -> Result<(), CtlError> {
        let text = serde_json::to_string(value).map_err(io::Error::from)?;
        self.line(&text)
    }

    /// Writes a table under its heads, each column as wide as it has to be.
    pub(super) fn table<const N: usize>(
        &mut self,
        heads: [&str; N],
        rows: &[[String; N]],
    ) -> Result<(), CtlError> {
        let mut widths = heads.map(|head| head.chars().count());
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        self.row(heads, &widths)?;
        for row in rows {
            self.row(row.each_ref().map(String::as_str), &widths)?;
        }
        Ok(())
    }

    fn row<const N: usize>(
        &mut self,
        cells: [&str; N],
        widths: &[usize; N],
    ) -> Result<(), CtlError> {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        self.line(line.trim_end())
    }
}

/// What stands in a cell where there is nothing to say.
pub(super) const NOTHING: &str = "-";
