// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sessions of this run and of those before it: what the registry remembers, and beyond that what
//! the journal kept.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Registry, SessionHandle, SessionStatus, SessionTimeline};
use crate::lifecycle::Fault;
use crate::wire::SessionId;

/// A session that is known.
#[derive(Debug)]
pub enum Found {
    /// Alive, or one of the last of this run that ended.
    Present(SessionHandle),
    /// Ended, and kept on disk.
    Past(Box<SessionTimeline>),
}

impl Registry {
    /// The session of that id, of this run or an earlier one. Cancel-safe.
    ///
    /// # Errors
    /// `late`: it is not one that is remembered, and the journal's disk does not answer.
    pub async fn find(&self, id: SessionId) -> Result<Option<Found>, Fault> {
        if let Some(present) = self.session(id) {
            return Ok(Some(Found::Present(present)));
        }
        // What is not alive and has no end will have none.
        let past = self.journal().find(id).await?.map(SessionTimeline::interrupted);
        Ok(past.map(|past| Found::Past(Box::new(past))))
    }

    /// The sessions that began last, at most `limit`, newest first. Cancel-safe.
    ///
    /// # Errors
    /// `late`: the journal's disk does not answer.
    pub async fn history(&self, limit: usize) -> Result<Vec<SessionStatus>, Fault> {
        // Asked first: a session that begins meanwhile must be known to be alive.
        let kept = self.journal().newest(limit).await?;
        let mut sessions = self.status().sessions;
        let present: BTreeSet<SessionId> = sessions.iter().map(|session| session.id).collect();
        let past = kept.into_iter().filter(|session| !present.contains(&session.id));
        let past = past.map(SessionStatus::interrupted);
        let (of_this_run, earlier): (Vec<_>, Vec<_>) =
            past.partition(|session| session.run == self.journal().run());
        sessions.extend(of_this_run);
        sessions.sort_by_key(|session| Reverse(session.generation));
        sessions.extend(earlier);
        sessions.truncate(limit);
        Ok(sessions)
    }
}
