// SPDX-License-Identifier: MIT OR Apache-2.0
//! Somebody who watches: a webrtcbin of this process behind the service's real signalling, in
//! either role, who can be made to vanish or to lose the signalling connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use shutterd::lifecycle::Role;
use shutterd::wire::Codec;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_util::sync::CancellationToken;

use crate::service::request_to;
use crate::soon::soon;
use crate::viewer::{Viewer, Voice};

/// A viewer in a session, or on its way into one.
pub(crate) struct Watcher {
    frames: watch::Receiver<u64>,
    voice: Arc<Voice>,
    /// Ends the signalling connection and nothing else.
    cut: CancellationToken,
    /// It has its answer, where it offered.
    answered: CancellationToken,
    /// Says goodbye.
    left: CancellationToken,
    /// Owns the viewer; dropping it ends everything, without a word on the signalling.
    _talk: JoinSet<()>,
}

impl Watcher {
    /// Begins to watch; what comes of it is for the caller to see in the service's status.
    pub(crate) fn start(address: SocketAddr, role: Role) -> Self {
        let mut viewer = Viewer::new();
        let (frames, voice) = (viewer.frames(), Arc::clone(&viewer.voice));
        let (cut, left) = (CancellationToken::new(), CancellationToken::new());
        let answered = CancellationToken::new();
        let (voiced, cutting) = (Arc::clone(&voice), cut.clone());
        let talk = Talk { voice: voiced, cut: cutting, answered: answered.clone() };
        let leaving = left.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let talking = async {
                match role {
                    Role::Answerer => talk.whep(&mut viewer, address).await,
                    Role::Offerer => talk.websocket(&viewer, address).await,
                }
                // The picture goes on without signalling.
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = talking => {}
                () = leaving.cancelled() => viewer.say_goodbye(),
            }
            std::future::pending::<()>().await;
        });
        Self { frames, voice, cut, answered, left, _talk: tasks }
    }

    /// Sends nothing any more, on no path.
    pub(crate) fn vanish(&self) {
        self.voice.muted.store(true, Ordering::Relaxed);
    }

    /// Sends again, after [`Watcher::vanish`].
    pub(crate) fn come_back(&self) {
        self.voice.muted.store(false, Ordering::Relaxed);
    }

    /// Says goodbye, as a page that is closed does. Only while it sees something.
    pub(crate) fn leave(&self) {
        self.left.cancel();
    }

    /// Waits until it has its answer. Only where it offers.
    pub(crate) async fn answered(&self) {
        soon("the answer", self.answered.cancelled()).await;
    }

    /// The signalling connection breaks.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }

    /// Waits for `more` pictures from now on.
    pub(crate) async fn sees(&mut self, more: u64) {
        let wanted = *self.frames.borrow() + more;
        soon("pictures", self.frames.wait_for(|n| *n >= wanted)).await.unwrap();
    }
}

struct Talk {
    voice: Arc<Voice>,
    cut: CancellationToken,
    answered: CancellationToken,
}

impl Talk {
    fn is_muted(&self) -> bool {
        self.voice.muted.load(Ordering::Relaxed)
    }

    async fn whep(&self, viewer: &mut Viewer, address: SocketAddr) {
        viewer.watch_video(Codec::H264);
        viewer.add_channel();
        let offer = viewer.offer().await;
        let headers = [("content-type", "application/sdp")];
        let asked = request_to(address, hyper::Method::POST, "/whep/head", &headers, offer);
        // Dropping the request closes its connection.
        let answer = tokio::select! {
            answer = asked => answer,
            () = self.cut.cancelled() => return,
        };
        if let Ok(answer) = answer
            && answer.status == hyper::StatusCode::CREATED
            && !self.is_muted()
        {
            viewer.set_answer(&answer.body).await;
            self.answered.cancel();
        }
    }

    async fn websocket(&self, viewer: &Viewer, address: SocketAddr) {
        let Ok(stream) = TcpStream::connect(address).await else { return };
        let request = format!("ws://{address}/ws/head?codecs=h264").into_client_request().unwrap();
        let Ok((mut socket, _)) = tokio_tungstenite::client_async(request, stream).await else {
            return;
        };
        let mut session = Value::Null;
        loop {
            let message = tokio::select! {
                message = socket.next() => message,
                () = self.cut.cancelled() => return,
            };
            let Some(Ok(Message::Text(text))) = message else { return };
            let message: Value = serde_json::from_str(&text).unwrap();
            match message["type"].as_str() {
                Some("session") => session = message,
                Some("offer") => {
                    let sdp = viewer.answer(message["sdp"].as_str().unwrap()).await;
                    if self.is_muted() {
                        continue;
                    }
                    let answer = json!({
                        "type": "answer", "sdp": sdp,
                        "session": session["session"], "generation": session["generation"],
                    });
                    if socket.send(Message::text(answer.to_string())).await.is_err() {
                        return;
                    }
                }
                _ => {}
            }
        }
    }
}
