// SPDX-License-Identifier: MIT OR Apache-2.0
//! A session's start, and the one task that owns it from then on.

use super::*;

impl Registry {
    /// Starts a session on `camera`. What it says to its viewer comes on the receiver; dropping
    /// the receiver before the description was taken ends the session.
    ///
    /// # Errors
    /// `camera-unknown`, `too-many-viewers`, `no-common-codec`, `codec-in-use`, `shutting-down`,
    /// `camera-shut`, `sleeping`: what is known before any step begins.
    pub fn start(
        &self,
        camera: &str,
        negotiation: Negotiation,
        viewer: Option<String>,
    ) -> Result<(SessionHandle, mpsc::UnboundedReceiver<ToViewer>), Fault> {
        let camera = self.inner.cameras.get(camera).cloned().ok_or_else(|| {
            let names = self.inner.cameras.keys().cloned().collect::<Vec<_>>().join(", ");
            let detail = format!("no camera `{camera}`; there is {names}");
            Fault::new(FaultCode::CameraUnknown, detail)
        })?;
        let video = track::choose(&camera, &negotiation)?;
        let has_channel = !matches!(negotiation, Negotiation::Push(_));
        let (role, offer) = match negotiation {
            Negotiation::ViewerOffers(offer) => (Role::Answerer, Some(offer.as_str().to_owned())),
            Negotiation::DeviceOffers(_) | Negotiation::Push(_) => (Role::Offerer, None),
        };

        let mut sessions = self.inner.sessions();
        let config = camera.config();
        if let Some(refusal) = sessions.refusal(&config.name) {
            return Err(refusal);
        }
        let viewers = sessions.viewers(&config.name);
        if viewers >= config.max_viewers as usize {
            let detail = format!("{} has {viewers} viewers, its `max-viewers`", config.name);
            return Err(Fault::new(FaultCode::TooManyViewers, detail));
        }
        sessions.generation += 1;
        let id = new_id()?;
        let timeline = Timeline::begin();
        let status = SessionStatus {
            id,
            run: self.inner.journal.run().to_owned(),
            generation: sessions.generation,
            serial: *self.inner.serial.borrow(),
            camera: config.name.clone(),
            role,
            codec: video.codec,
            viewer,
            phase: Phase::Starting,
            step: None,
            asked_at: timeline.asked_at(),
            outcome: None,
        };
        let plan = Plan::new(role, config.camera_opens);
        let (events, event_queue) = mpsc::unbounded_channel();
        let (from_viewer, viewer_queue) = mpsc::unbounded_channel();
        let (to_viewer, told) = mpsc::unbounded_channel();
        let (status, status_seen) = watch::channel(status);
        let timeline = Arc::new(Mutex::new(timeline));
        let stage = SessionStage {
            id,
            camera,
            peer: Arc::new(Peer::new(id)),
            spares: Arc::clone(&self.inner.spares),
            // Half of the step's time, so that another one has the other half.
            warm_within: self.inner.limits.deadlines.step(Step::CreatePeer) / 2,
            tasks: self.inner.tasks.clone(),
            ice_servers: self.inner.ice_servers.clone(),
            video,
            has_channel,
            offer,
            inbox: Arc::new(Inbox::default()),
            outbox: Arc::new(Outbox::new(to_viewer)),
            answer: watch::Sender::default(),
            events: events.clone(),
            stopping: CancellationToken::new(),
            status,
            serial: self.inner.serial.clone(),
        };
        let handle = SessionHandle {
            id,
            events,
            from_viewer,
            status: status_seen,
            timeline: Arc::clone(&timeline),
        };
        sessions.alive.insert(id, handle.clone());
        drop(sessions);

        let (inner, followed) = (Arc::clone(&self.inner), handle.clone());
        let span = tracing::info_span!("session", %id);
        let owner = async move {
            let owning = inner.own(stage, plan, timeline, event_queue, viewer_queue);
            tokio::join!(owning, inner.journal.follow(followed));
            inner.forget(id);
        };
        self.inner.tasks.spawn(owner.instrument(span));
        Ok((handle, told))
    }
}

impl Sessions {
    /// Who watches `camera`. A session that has said that it ended is none of them, though its task may
    /// still have to put it away: whoever waited for its end may start the next at once.
    fn viewers(&self, camera: &str) -> usize {
        let watches = |session: &&SessionHandle| {
            !session.is_ended() && session.status.borrow().camera == camera
        };
        self.alive.values().filter(watches).count()
    }
}

impl Inner {
    /// The one task that owns a session.
    async fn own(
        &self,
        stage: SessionStage,
        plan: Plan,
        timeline: Arc<Mutex<Timeline>>,
        mut events: mpsc::UnboundedReceiver<Event>,
        viewer: mpsc::UnboundedReceiver<FromViewer>,
    ) {
        let over = CancellationToken::new();
        let listening = listen(&stage, viewer, over.clone());
        let driving = async {
            let outcome = drive(&stage, plan, &self.limits, &timeline, &mut events).await;
            stage.end(outcome).await;
            over.cancel();
        };
        tokio::join!(driving, listening);
    }

    fn forget(&self, id: SessionId) {
        let mut sessions = self.sessions();
        if let Some(handle) = sessions.alive.remove(&id) {
            sessions.ended.push_back(handle);
            while sessions.ended.len() > REMEMBERED {
                sessions.ended.pop_front();
            }
        }
        drop(sessions);
        self.serial.send_modify(|serial| *serial += 1);
    }
}

/// Hears the viewer until the session is over.
async fn listen(
    stage: &SessionStage,
    mut viewer: mpsc::UnboundedReceiver<FromViewer>,
    over: CancellationToken,
) {
    loop {
        let word = tokio::select! {
            () = over.cancelled() => return,
            Some(word) = viewer.recv() => word,
        };
        match word {
            FromViewer::Answer(sdp) => stage.inbox.answer(sdp),
            FromViewer::Candidates(candidates) => {
                let candidates = stage.inbox.candidates(candidates);
                if !candidates.is_empty() {
                    stage.tasks.spawn(add_late(Arc::clone(&stage.peer), stage.id, candidates));
                }
            }
            FromViewer::SignallingGone => {
                let detail = "the signalling connection ended before the session ran";
                unanswered(stage, Fault::new(FaultCode::SignallingGone, detail));
            }
            FromViewer::Refused(fault) => unanswered(stage, fault),
            FromViewer::Stats(reply) => {
                stage.tasks.spawn(figures(Arc::clone(&stage.peer), stage.id, reply));
            }
        }
    }
}

/// Without signalling no session starts; one that runs does not need it.
fn unanswered(stage: &SessionStage, fault: Fault) {
    if stage.status.borrow().phase == Phase::Starting {
        let _ = stage.events.send(Event::Stop(Cause::Lost { fault }));
    }
}

async fn add_late(peer: Arc<Peer>, session: SessionId, candidates: Vec<Candidate>) {
    let command = PeerCommand::AddCandidates { session, candidates };
    if let Err(fault) = peer.call(command, None).await {
        tracing::warn!(%session, %fault, "late candidates");
    }
}

async fn figures(
    peer: Arc<Peer>,
    session: SessionId,
    reply: oneshot::Sender<Result<ViewerStats, Fault>>,
) {
    let figures = match peer.call(PeerCommand::Stats { session }, None).await {
        Ok(Reply::Stats(figures)) => Ok(figures),
        Ok(other) => Err(Fault::new(FaultCode::WireInvalid, format!("stats: {other:?}"))),
        Err(fault) => Err(fault),
    };
    // Whoever asked may have left.
    let _ = reply.send(figures);
}

fn new_id() -> Result<SessionId, Fault> {
    getrandom::u64().map(SessionId).map_err(|error| {
        Fault::new(FaultCode::WorkerUnavailable, format!("no random number: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Codec;

    fn watching(camera: &str, phase: Phase) -> (watch::Sender<SessionStatus>, SessionHandle) {
        let timeline = Timeline::begin();
        let (sender, status) = watch::channel(SessionStatus {
            id: SessionId(1),
            run: "run".to_owned(),
            generation: 1,
            serial: 1,
            camera: camera.to_owned(),
            role: Role::Answerer,
            codec: Codec::H264,
            viewer: None,
            phase,
            step: None,
            asked_at: timeline.asked_at(),
            outcome: None,
        });
        let handle = SessionHandle {
            id: SessionId(1),
            events: mpsc::unbounded_channel().0,
            from_viewer: mpsc::unbounded_channel().0,
            status,
            timeline: Arc::new(Mutex::new(timeline)),
        };
        (sender, handle)
    }

    #[test]
    fn a_session_has_its_place_until_it_says_that_it_ended() {
        let (status, handle) = watching("head", Phase::Starting);
        let mut sessions = Sessions::default();
        sessions.alive.insert(SessionId(1), handle);
        for phase in [Phase::Starting, Phase::Running, Phase::Stopping] {
            status.send_modify(|status| status.phase = phase);
            assert_eq!((sessions.viewers("head"), sessions.viewers("rear")), (1, 0), "{phase:?}");
        }
        status.send_modify(|status| status.phase = Phase::Ended);
        assert_eq!(sessions.viewers("head"), 0);
    }
}
