// SPDX-License-Identifier: MIT OR Apache-2.0
//! What keeps cameras closed: for good, when the service ends, or for as long as a cause lasts that
//! comes from outside, as a lens cover that is shut or a sleep that is announced.

use super::*;

impl Registry {
    /// Ends every session and refuses new ones; returns when all have ended, which the teardown's
    /// deadlines bound. Cancel-safe: the sessions end in any case.
    pub async fn stop_all(&self, by: StopReason) {
        let concerned = {
            let mut sessions = self.inner.sessions();
            sessions.stopping = true;
            sessions.concerned(|_| true)
        };
        end(&concerned, by).await;
    }

    /// Ends every session that there is; new ones may start. Returns when they have ended. Cancel-safe:
    /// the sessions end in any case.
    pub async fn stop_each(&self, by: StopReason) {
        let concerned = self.inner.sessions().concerned(|_| true);
        end(&concerned, by).await;
    }

    /// Ends the sessions on the cameras that `shut` names and refuses new ones there, until
    /// [`Registry::allow`] is called with the same `name`; returns when they have ended, which the
    /// teardown's deadlines bound. Cancel-safe: the sessions end in any case.
    pub async fn shut(&self, name: &str, shut: Shut) {
        let by = shut.by;
        let concerned = {
            let mut sessions = self.inner.sessions();
            let concerned = sessions.concerned(|camera| shut.concerns(camera));
            sessions.shut.insert(name.to_owned(), shut);
            concerned
        };
        self.publish();
        end(&concerned, by).await;
    }

    /// What was shut as `name` is so no more. Other causes go on.
    pub fn allow(&self, name: &str) {
        let last = self.inner.sessions().shut.remove(name);
        if last.is_some() {
            self.publish();
        }
    }

    /// Gives the recover hooks of cameras that could not be released their time. Bounded. Cancel-safe.
    pub async fn released(&self) {
        let hopeful = |camera: &&Arc<Camera>| camera.can_recover();
        let released = self.inner.cameras.values().filter(hopeful).map(|camera| camera.released());
        let _ = timeout(RECOVER_DEADLINE, join_all(released)).await;
    }

    /// After [`Registry::stop_all`]: gives recover hooks their time, then lets go of the cameras.
    /// Bounded. Cancel-safe.
    pub async fn let_go(&self) {
        self.released().await;
        self.inner.ending.cancel();
    }

    fn publish(&self) {
        self.inner.serial.send_modify(|serial| *serial += 1);
    }
}

impl Sessions {
    fn concerned(&self, camera: impl Fn(&str) -> bool) -> Vec<SessionHandle> {
        let alive = self.alive.values();
        alive.filter(|session| camera(&session.status().camera)).cloned().collect()
    }

    /// Why no session may start on `camera` now.
    pub(super) fn refusal(&self, camera: &str) -> Option<Fault> {
        if self.stopping {
            return Some(Fault::new(FaultCode::ShuttingDown, "no new sessions are started"));
        }
        let shut = self.shut.values().find(|shut| shut.concerns(camera))?;
        Some(shut.fault())
    }
}

async fn end(sessions: &[SessionHandle], by: StopReason) {
    for session in sessions {
        session.stop(by);
    }
    for session in sessions {
        session.ended().await;
    }
}
