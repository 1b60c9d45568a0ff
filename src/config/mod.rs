// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration: file text first, checked meaning second.
//!
//! ```text
//!   shutterd.toml ─┐
//!   conf.d/*.toml ─┼─► document: tables of typed values, ─► meaning: Config, or
//!   SHUTTERD_*    ─┘   each with its place                  every mistake in one report
//! ```
//!
//! [`keys`] is the one table of what may be written; [`document`] checks text against it (pipeline
//! files too), `meaning` checks what one value means beside the others. Only `load` reads files.

mod cameras;
pub mod document;
pub mod keys;
mod load;
mod meaning;
mod model;
mod plan_text;
mod pushes;
pub mod report;
pub mod schema;
mod switches;
mod variables;

pub use cameras::FindBoard;
pub use load::MAIN_FILE;
pub use model::{Camera, Config, Control, Deadlines, Http, Journal, Led, Media, Session, WebRtc};
pub use pushes::Push;
pub use report::Report as ConfigReport;
pub use switches::{InputCode, Means, ShutWhen, Switch};
pub use variables::VARIABLE_PREFIX;
