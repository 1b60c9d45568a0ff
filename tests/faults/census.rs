// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a service has: processes, threads, descriptors. After a session it must have what it had
//! before.

use std::time::{Duration, Instant};

use crate::service::{PATIENCE, Service};

/// A count of everything that a session could leave behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Census {
    /// The roles of the workers, sorted.
    workers: Vec<String>,
    threads: usize,
    /// What the daemon's descriptors are, sorted, without their numbers.
    descriptors: Vec<String>,
}

impl Census {
    pub(crate) fn of(service: &Service) -> Self {
        let mut workers: Vec<_> = service.workers().into_iter().map(|(_, role)| role).collect();
        workers.sort();
        let own = |what: &str| {
            let entries = std::fs::read_dir(format!("/proc/{}/{what}", service.pid()));
            entries.into_iter().flatten().flatten().map(|entry| entry.path())
        };
        let mut descriptors: Vec<_> = own("fd")
            .filter_map(|fd| std::fs::read_link(fd).ok())
            // `socket:[123]`: the number is another one each time.
            .map(|target| target.display().to_string().split('[').next().unwrap().to_owned())
            .collect();
        descriptors.sort();
        Self { workers, threads: own("task").count(), descriptors }
    }

    /// Whether `self` has nothing that `before` had not. Threads of a pool may have ended since.
    fn is_within(&self, before: &Self) -> bool {
        self.workers == before.workers
            && self.descriptors == before.descriptors
            && self.threads <= before.threads
    }

    /// Waits until the service has again what it had at `self`. Spares come and idle threads go
    /// without an event that could be waited for: so this looks again, until the deadline.
    pub(crate) async fn returns(&self, service: &Service) {
        let deadline = Instant::now() + PATIENCE;
        let mut looks = tokio::time::interval(Duration::from_millis(10));
        loop {
            looks.tick().await;
            let now = Self::of(service);
            if now.is_within(self) {
                return;
            }
            assert!(Instant::now() < deadline, "left behind: {now:#?}\nbefore: {self:#?}");
        }
    }
}
