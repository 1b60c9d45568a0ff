// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for an event, with a deadline.

use std::future::Future;
use std::time::Duration;

/// Generous: the machines that run this are shared.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, event).await.unwrap_or_else(|_| panic!("did not come: {what}"))
}
