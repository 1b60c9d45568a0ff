// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sessions: one task owns each, everybody else holds a handle.

pub mod handle;
pub mod registry;
pub mod status;
pub mod timeline;

pub use handle::{FromViewer, Negotiation, SessionHandle, ToViewer};
pub use registry::Registry;
pub use status::{CameraState, CameraStatus, ServiceStatus, SessionStatus, SessionTimeline};
pub use timeline::{Done, Entry, StepResult, Table, Timeline};
