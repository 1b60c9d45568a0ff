// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an indicator has to know, in order and without a gap: a camera was opened, it was observed
//! closed, it is wedged. A status may be read too late to see a short opening; this is a queue.
//!
//! The first frame of a camera leaves only after its opening was passed on ([`Announcer::heard`]).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::lifecycle::Fault;

/// How long a frame waits for a listener that does not take what is said.
const PATIENCE: Duration = Duration::from_millis(200);

/// One thing that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The camera is open.
    Opened {
        /// Its name.
        camera: String,
    },
    /// The camera is observed closed.
    Closed {
        /// Its name.
        camera: String,
    },
    /// The camera could not be released.
    Wedged {
        /// Its name.
        camera: String,
        /// What holds it.
        fault: Fault,
    },
}

/// Says things to the one who listens, if there is one. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Announcer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    said: Mutex<Said>,
    /// The number of the last thing that was passed on; the highest when nobody listens.
    heard: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Said {
    /// The number of the last thing that was said.
    number: u64,
    /// The cameras that were said to be open, and not yet to be closed.
    open: BTreeSet<String>,
    queue: Option<mpsc::UnboundedSender<(u64, News)>>,
}

impl Default for Announcer {
    fn default() -> Self {
        let heard = watch::Sender::new(u64::MAX);
        Self { inner: Arc::new(Inner { said: Mutex::default(), heard }) }
    }
}

impl Announcer {
    /// From now on, what is said is put into the listener's queue; first, which cameras are open. One
    /// that listened before hears nothing more.
    pub fn listen(&self) -> Listener {
        let (sender, queue) = mpsc::unbounded_channel();
        let mut said = self.said();
        for camera in &said.open {
            // The receiver is here.
            let _ = sender.send((said.number, News::Opened { camera: camera.clone() }));
        }
        said.queue = Some(sender);
        self.inner.heard.send_replace(said.number);
        Listener { queue, announcer: self.clone() }
    }

    /// Says it, unless it is known: a camera that fails and is opened again is open all along, and
    /// one that never opened does not close. Never waits.
    pub(super) fn say(&self, news: News) {
        let mut said = self.said();
        let is_news = match &news {
            News::Opened { camera } => said.open.insert(camera.clone()),
            News::Closed { camera } => said.open.remove(camera),
            News::Wedged { .. } => true,
        };
        if is_news {
            said.number += 1;
            let number = said.number;
            if let Some(queue) = &said.queue {
                // A listener that is gone has marked everything as heard.
                let _ = queue.send((number, news));
            }
        }
    }

    /// Waits until what was said so far has been passed on, for 200 ms at most. Cancel-safe.
    pub(super) async fn heard(&self) {
        let said = self.said().number;
        let mut heard = self.inner.heard.subscribe();
        if timeout(PATIENCE, heard.wait_for(|heard| *heard >= said)).await.is_err() {
            tracing::warn!(
                "that a camera is open was not passed on; its first frame goes all the same"
            );
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.inner.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who hears what is said. Dropping it lets frames go without it.
#[derive(Debug)]
pub struct Listener {
    queue: mpsc::UnboundedReceiver<(u64, News)>,
    announcer: Announcer,
}

impl Listener {
    /// The next thing. [`Listener::passed_on`] must follow each. Cancel-safe.
    pub async fn next(&mut self) -> Option<(u64, News)> {
        self.queue.recv().await
    }

    /// What has this number was passed on.
    pub fn passed_on(&self, number: u64) {
        self.announcer.inner.heard.send_replace(number);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.queue.close();
        let mut said = self.announcer.said();
        // Another may have taken its place.
        if said.queue.as_ref().is_some_and(mpsc::UnboundedSender::is_closed) {
            said.queue = None;
            self.announcer.inner.heard.send_replace(u64::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> News {
        News::Opened { camera: "head".to_owned() }
    }

    fn closed() -> News {
        News::Closed { camera: "head".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_said_waits_for_the_listener_and_not_for_ever() {
        let announcer = Announcer::default();
        let began = tokio::time::Instant::now();
        announcer.say(opened());
        announcer.heard().await;
        assert!(began.elapsed().is_zero(), "nobody listens");

        let mut listener = announcer.listen();
        announcer.say(closed());
        assert_eq!(listener.next().await, Some((1, opened())), "it was open before");
        let (number, news) = listener.next().await.unwrap();
        assert_eq!(news, closed());
        let waiting = announcer.heard();
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        listener.passed_on(number);
        waiting.await;
        assert!(began.elapsed().is_zero());

        announcer.say(opened());
        announcer.heard().await;
        let waited = began.elapsed();
        assert!(waited >= PATIENCE && waited < 2 * PATIENCE, "a listener that hangs: {waited:?}");

        announcer.say(closed());
        drop(listener);
        announcer.heard().await;
        assert_eq!(began.elapsed(), waited, "a listener that is gone");
    }

    #[tokio::test]
    async fn opened_and_closed_come_in_turn() {
        let announcer = Announcer::default();
        let mut listener = announcer.listen();
        for news in [closed(), opened(), opened(), closed(), closed(), opened()] {
            announcer.say(news);
        }
        drop(announcer);
        let mut said = Vec::new();
        while let Ok(next) = listener.queue.try_recv() {
            said.push(next);
        }
        assert_eq!(said, [(1, opened()), (2, closed()), (3, opened())]);
    }

    #[tokio::test]
    async fn of_two_listeners_the_later_one_hears() {
        let announcer = Announcer::default();
        let first = announcer.listen();
        let mut second = announcer.listen();
        drop(first);
        announcer.say(opened());
        assert_eq!(second.next().await, Some((1, opened())));
        assert_eq!(announcer.listen().next().await, Some((1, opened())), "it is open already");
    }
}
