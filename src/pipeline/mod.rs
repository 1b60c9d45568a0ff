// SPDX-License-Identifier: MIT OR Apache-2.0
//! Board files: what captures and encodes on a board, as gst-launch text.
//!
//! A board file is data. It is checked before any of it is run: its keys, its placeholders, the two
//! elements that matter (`camera` and `encoder`), that it has no sink of its own, and that `needs`
//! names every element factory. [`tokens`] reads the text as gst-launch would; a value that fills
//! a placeholder stays inside the token in which the placeholder stands.

mod board;
mod check;
pub mod encoders;
mod fill;
mod load;
#[cfg(test)]
mod tests;
pub mod tokens;

pub use crate::config::report::Report as PipelineReport;
pub use board::Board;
pub use fill::{PLACEHOLDERS, Values, check_device};
pub use load::{BUILT_IN, LoadError, load, names};
