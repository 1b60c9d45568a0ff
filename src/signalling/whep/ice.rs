// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ICE session of each WHEP session: what a PATCH is held against.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderValue;

use crate::sdp::Offer;
use crate::wire::SessionId;

/// What was agreed on.
#[derive(Clone, Debug)]
pub(super) struct IceSession {
    mids: Arc<[String]>,
    /// Every user name fragment of the offer: sections that are not bundled have their own.
    ufrags: Arc<[String]>,
    /// The entity tag, quoted.
    etag: String,
}

impl IceSession {
    pub(super) fn of(offer: &Offer) -> Self {
        let ufrags = ufrags(offer.as_str()).map(str::to_owned).collect();
        Self { mids: offer.mids().into(), ufrags, etag: String::new() }
    }

    /// The entity tag is our side's user name fragment, which is new with every ICE session.
    pub(super) fn answered(&mut self, answer: &str, id: SessionId) {
        let is_tag = |ufrag: &&str| ufrag.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
        self.etag = match ufrags(answer).next().filter(is_tag) {
            Some(ufrag) => format!("\"{ufrag}\""),
            None => format!("\"{id}\""),
        };
    }

    pub(super) fn etag(&self) -> HeaderValue {
        // Graphic ASCII only, see `answered`.
        HeaderValue::from_str(&self.etag).unwrap_or(HeaderValue::from_static("\"\""))
    }

    pub(super) fn mids(&self) -> &[String] {
        &self.mids
    }

    /// Whether `If-Match` lets the request pass. Most viewers send none, or `*`, which is let pass
    /// too: with no ICE restarts there is only one ICE session to match.
    pub(super) fn matches<'h>(&self, headers: impl IntoIterator<Item = &'h HeaderValue>) -> bool {
        let mut absent = true;
        let found = headers.into_iter().any(|value| {
            absent = false;
            let tags = value.to_str().unwrap_or("").split(',').map(str::trim);
            // The draft's own example quotes the asterisk.
            tags.into_iter().any(|tag| tag == "*" || tag == "\"*\"" || tag == self.etag)
        });
        found || absent
    }

    /// Whether a fragment of `ufrag` begins another ICE session than the offer's.
    pub(super) fn is_restart(&self, ufrag: Option<&str>) -> bool {
        ufrag.is_some_and(|ufrag| !self.ufrags.iter().any(|known| known == ufrag))
    }
}

fn ufrags(description: &str) -> impl Iterator<Item = &str> {
    description.lines().filter_map(|line| line.trim_end().strip_prefix("a=ice-ufrag:"))
}

/// The ICE sessions of the WHEP sessions that are alive. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct IceSessions(Arc<Mutex<HashMap<SessionId, IceSession>>>);

impl IceSessions {
    /// Adds one, and drops those of sessions that have ended since: the table is never larger
    /// than the sessions alive at the last two starts.
    pub(super) fn insert(
        &self,
        id: SessionId,
        session: IceSession,
        alive: impl Fn(SessionId) -> bool,
    ) {
        let mut sessions = self.lock();
        sessions.retain(|id, _| alive(*id));
        sessions.insert(id, session);
    }

    pub(super) fn get(&self, id: SessionId) -> Option<IceSession> {
        self.lock().get(&id).cloned()
    }

    pub(super) fn remove(&self, id: SessionId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, IceSession>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> IceSession {
        let (mids, ufrags) = (["0".to_owned()].into(), ["Vwer".to_owned(), "Aud1".into()].into());
        let mut session = IceSession { mids, ufrags, etag: String::new() };
        session.answered("v=0\r\nm=video 9\r\na=ice-ufrag:dev+/Q\r\n", SessionId(1));
        session
    }

    #[test]
    fn the_entity_tag_is_strong_and_of_the_answer() {
        assert_eq!(session().etag(), "\"dev+/Q\"");
        let mut without = session();
        without.answered("v=0\r\n", SessionId(1));
        assert_eq!(without.etag(), "\"0000000000000001\"");
    }

    #[test]
    fn if_match_is_held_against_the_entity_tag_where_it_comes() {
        let matches = |values: &[&'static str]| {
            let values: Vec<_> = values.iter().map(|v| HeaderValue::from_static(v)).collect();
            session().matches(&values)
        };
        assert!(matches(&[]));
        assert!(matches(&["\"dev+/Q\""]));
        assert!(matches(&["*"]));
        assert!(matches(&["\"*\""]));
        assert!(matches(&["\"old\", \"dev+/Q\""]));
        assert!(matches(&["\"old\"", "\"dev+/Q\""]));
        assert!(!matches(&["\"old\""]));
        assert!(!matches(&[""]));
        // A weak tag never matches: the comparison is the strong one.
        assert!(!matches(&["W/\"dev+/Q\""]));
    }

    #[test]
    fn only_a_user_name_fragment_that_was_not_offered_is_a_restart() {
        assert!(!session().is_restart(None));
        assert!(!session().is_restart(Some("Vwer")));
        assert!(!session().is_restart(Some("Aud1")));
        assert!(session().is_restart(Some("neW1")));
    }

    #[test]
    fn the_table_keeps_only_what_is_alive() {
        let sessions = IceSessions::default();
        sessions.insert(SessionId(1), session(), |_| false);
        sessions.insert(SessionId(2), session(), |_| false);
        assert!(sessions.get(SessionId(1)).is_none());
        assert!(sessions.get(SessionId(2)).is_some());
    }
}
