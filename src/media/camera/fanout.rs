// SPDX-License-Identifier: MIT OR Apache-2.0
//! One encoded stream to many links. Each has a short queue; one that is full loses whole access
//! units until the next keyframe. Nothing here ever waits: the streaming thread calls it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shutterd::wire::SessionId;
use shutterd::wire::link::{Frame, Kind};
use tokio::sync::mpsc;

use super::thinning::Thinning;

/// Access units that wait for one link. Beyond this, a viewer would see the past.
pub(super) const QUEUE: usize = 8;

/// Access units since a keyframe with which a link may begin at once: they fit its queue behind the
/// caps, with room for the next. After more of them a keyframe is asked for.
const BEGINNING: usize = QUEUE - 2;

/// The links and what they were sent.
#[derive(Debug, Default)]
pub(super) struct Fanout {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    caps: Option<(String, Arc<Frame>)>,
    /// The newest keyframe and what followed it, up to [`BEGINNING`] units; or nothing.
    beginning: Vec<Arc<Frame>>,
    links: HashMap<SessionId, Link>,
    /// The last frame could not be made.
    failing: bool,
}

impl State {
    /// The payload is copied, once for all links: its buffer may be the driver's, and would be kept
    /// until the slowest viewer has it.
    fn frame(&mut self, kind: Kind, time: u64, payload: &[u8]) -> Option<Arc<Frame>> {
        let frame = Frame::new(kind, time, payload);
        match &frame {
            Err(error) if !self.failing => {
                tracing::error!(%error, bytes = payload.len(), "a frame is lost to every viewer");
            }
            _ => {}
        }
        self.failing = frame.is_err();
        frame.ok().map(Arc::new)
    }
}

#[derive(Debug)]
struct Link {
    queue: mpsc::Sender<Arc<Frame>>,
    /// The caps it was sent last.
    caps: Option<Arc<Frame>>,
    /// It misses what the next delta unit refers to.
    behind: bool,
    /// For a path that is narrower than the stream.
    thinning: Option<Thinning>,
    dropped: u64,
}

impl Fanout {
    /// The lock is held for a few instructions only, and never across a call into GStreamer.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the stream has these caps.
    pub(super) fn set_caps(&self, text: &str) {
        let mut state = self.state();
        if let Some(frame) = state.frame(Kind::Caps, 0, text.as_bytes()) {
            state.caps = Some((text.to_owned(), frame));
            state.beginning.clear();
        }
    }

    /// Sends one access unit to every link that can decode it.
    pub(super) fn publish(&self, unit: &[u8], keyframe: bool, time: u64) {
        let mut state = self.state();
        if keyframe || state.beginning.len() == BEGINNING {
            state.beginning.clear();
        }
        let begins = keyframe || !state.beginning.is_empty();
        if state.links.is_empty() && !begins {
            return;
        }
        let frame = state.frame(Kind::AccessUnit { keyframe }, time, unit);
        match &frame {
            Some(frame) if begins => state.beginning.push(Arc::clone(frame)),
            _ => state.beginning.clear(),
        }
        let State { caps, links, .. } = &mut *state;
        let caps = caps.as_ref().map(|(_, frame)| frame);
        for link in links.values_mut() {
            link.send(frame.as_ref(), keyframe, caps, time);
        }
    }

    /// Adds a link, with the caps first in its queue, and a keyframe where there is a new one. Without,
    /// it is behind, and gets nothing else until there is. `None` when the caps are not known yet.
    /// Returns them as text with the queue's other end.
    pub(super) fn add(&self, session: SessionId) -> Option<(String, mpsc::Receiver<Arc<Frame>>)> {
        let mut state = self.state();
        let (text, caps) = state.caps.clone()?;
        let (queue, frames) = mpsc::channel(QUEUE);
        queue.try_send(Arc::clone(&caps)).ok()?;
        for frame in &state.beginning {
            queue.try_send(Arc::clone(frame)).ok()?;
        }
        let behind = state.beginning.is_empty();
        let link = Link { queue, caps: Some(caps), behind, thinning: None, dropped: 0 };
        state.links.insert(session, link);
        Some((text, frames))
    }

    /// Removes a link; says how many access units it lost.
    pub(super) fn remove(&self, session: SessionId) -> Option<u64> {
        self.state().links.remove(&session).map(|link| link.dropped)
    }

    /// Thins the stream to these links, to as many bits per second, and to no other.
    pub(super) fn thin(&self, bitrates: &HashMap<SessionId, u32>) {
        for (session, link) in &mut self.state().links {
            link.thinning = bitrates.get(session).map(|bitrate| {
                let mut thinning = link.thinning.take().unwrap_or_default();
                thinning.set(*bitrate);
                thinning
            });
        }
    }

    /// Whether the link has room again but lacks a keyframe to go on from. One that is thinned takes
    /// the next that there is: it lacks one often, and each costs every viewer.
    pub(super) fn is_behind(&self, session: SessionId) -> bool {
        let state = self.state();
        state.links.get(&session).is_some_and(|link| link.behind && link.thinning.is_none())
    }
}

impl Link {
    fn send(
        &mut self,
        unit: Option<&Arc<Frame>>,
        keyframe: bool,
        caps: Option<&Arc<Frame>>,
        time: u64,
    ) {
        // A unit that is too large for the protocol, or for the system, is a gap like any other.
        let Some(unit) = unit else { return self.skip() };
        if self.behind && !keyframe {
            return self.skip();
        }
        if self
            .thinning
            .as_mut()
            .is_some_and(|thinning| !thinning.pays(unit.header().len as usize, time))
        {
            return self.skip();
        }
        let fresh = caps.filter(|caps| !self.caps.as_ref().is_some_and(|c| Arc::ptr_eq(c, caps)));
        if let Some(caps) = fresh {
            // New caps begin at a keyframe, and go with it or not at all.
            if !keyframe || self.queue.capacity() < 2 || self.queue.try_send(caps.clone()).is_err()
            {
                return self.skip();
            }
            self.caps = Some(Arc::clone(caps));
        }
        match self.queue.try_send(Arc::clone(unit)) {
            Ok(()) => self.behind = false,
            Err(_) => self.skip(),
        }
    }

    fn skip(&mut self) {
        self.behind = true;
        self.dropped += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SessionId = SessionId(1);
    const B: SessionId = SessionId(2);

    fn kinds(frames: &mut mpsc::Receiver<Arc<Frame>>) -> String {
        let mut text = String::new();
        while let Ok(frame) = frames.try_recv() {
            text.push(match frame.header().kind {
                Kind::Caps => 'c',
                Kind::AccessUnit { keyframe: true } => 'K',
                _ => 'd',
            });
        }
        text
    }

    #[test]
    fn a_joiner_begins_with_caps_and_a_keyframe() {
        let fanout = Fanout::default();
        assert!(fanout.add(A).is_none());
        fanout.set_caps("video/x-h264");
        let (_, mut frames) = fanout.add(A).unwrap();
        fanout.publish(b"x", false, 0);
        assert!(fanout.is_behind(A));
        fanout.publish(b"x", true, 1);
        fanout.publish(b"x", false, 2);
        assert_eq!(kinds(&mut frames), "cKd");
        assert!(!fanout.is_behind(A));
    }

    #[test]
    fn a_unit_is_there_once_for_all_links() {
        let fanout = Fanout::default();
        fanout.set_caps("video/x-h264");
        let (_, mut first) = fanout.add(A).unwrap();
        let (_, mut second) = fanout.add(B).unwrap();
        fanout.publish(b"x", true, 0);
        for _caps_then_unit in 0..2 {
            assert!(Arc::ptr_eq(&first.try_recv().unwrap(), &second.try_recv().unwrap()));
        }
    }

    #[test]
    fn a_joiner_begins_at_once_while_the_keyframe_is_new() {
        let fanout = Fanout::default();
        fanout.set_caps("video/x-h264");
        fanout.publish(b"x", true, 0);
        for n in 1..6 {
            fanout.publish(b"x", false, n);
        }
        let (_, mut early) = fanout.add(A).unwrap();
        assert!(!fanout.is_behind(A));
        fanout.publish(b"x", false, 6);
        assert_eq!(kinds(&mut early), "cKdddddd");
        let (_, mut late) = fanout.add(B).unwrap();
        assert!(fanout.is_behind(B));
        fanout.publish(b"x", true, 7);
        fanout.set_caps("video/x-h264, width=1");
        assert_eq!(kinds(&mut late), "cK");
        let (_, mut other) = fanout.add(B).unwrap();
        assert_eq!(kinds(&mut other), "c");
    }

    #[test]
    fn a_slow_link_loses_whole_units_up_to_a_keyframe_and_the_other_none() {
        let fanout = Fanout::default();
        fanout.set_caps("video/x-h264");
        let (_, mut slow) = fanout.add(A).unwrap();
        let (_, mut quick) = fanout.add(B).unwrap();
        let mut seen = String::new();
        for n in 0..40 {
            fanout.publish(b"x", n % 20 == 0, n);
            seen += &kinds(&mut quick);
        }
        assert_eq!(seen.len(), 41);
        assert_eq!(kinds(&mut slow), "cKdddddd");
        assert!(fanout.is_behind(A));
        fanout.publish(b"x", false, 40);
        assert_eq!(kinds(&mut slow), "");
        fanout.publish(b"x", true, 41);
        assert_eq!(kinds(&mut slow), "K");
    }

    #[test]
    fn a_thinned_link_gets_runs_from_keyframes_on_and_the_other_everything() {
        let fanout = Fanout::default();
        fanout.set_caps("video/x-h264");
        let (_, mut narrow) = fanout.add(A).unwrap();
        let (_, mut wide) = fanout.add(B).unwrap();
        // 1,000 bits, thirty times a second; a third of it.
        fanout.thin(&HashMap::from([(A, 10_000)]));
        let (mut thin, mut whole) = (String::new(), String::new());
        for n in 0..90 {
            fanout.publish(&[0; 125], n % 10 == 0, n * 1_000_000_000 / 30);
            assert!(!fanout.is_behind(A), "it asks for no keyframe");
            thin += &kinds(&mut narrow);
            whole += &kinds(&mut wide);
        }
        assert_eq!(whole.len(), 91);
        assert!(thin.starts_with("cK") && (24..=36).contains(&thin.len()), "{thin}");
        fanout.thin(&HashMap::new());
        assert!(fanout.is_behind(A));
        fanout.publish(&[0; 125], true, 3_000_000_000);
        assert_eq!(kinds(&mut narrow), "K");
    }

    #[test]
    fn new_caps_come_with_their_keyframe() {
        let fanout = Fanout::default();
        fanout.set_caps("video/x-h264");
        let (_, mut frames) = fanout.add(A).unwrap();
        fanout.publish(b"x", true, 0);
        fanout.set_caps("video/x-h264, width=1");
        fanout.publish(b"x", false, 1);
        fanout.publish(b"x", true, 2);
        assert_eq!(kinds(&mut frames), "cKcK");
    }
}
