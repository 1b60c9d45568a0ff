// SPDX-License-Identifier: MIT OR Apache-2.0
//! Those who take part in one session: a camera worker, a peer worker, a viewer. Each step is one
//! future, which may be awaited or not; what one step makes for another lies in `Papers`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use shutterd::lifecycle::{Fault, Role, Step, Undo};
use shutterd::wire::link::link_pair;
use shutterd::wire::{CameraCommand, Candidate, PeerCommand, Reply, SessionId};
use shutterd::worker::{self, Spares, Worker};

use crate::board::Board;
use crate::order::Order;
use crate::viewer::{Sight, Viewer};

pub(crate) const SESSION: SessionId = SessionId(0x1ab);

/// For LED and sensor to follow the last close, as the product has it.
const CLOSED_WITHIN: Duration = Duration::from_millis(400);

/// Why a step came to nothing.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The worker says so, or is gone.
    Fault(Fault),
    /// What it needs was not there when it began.
    Missing,
}

impl Trouble {
    pub(crate) fn name(&self) -> String {
        match self {
            Trouble::Fault(fault) => fault.code.name().to_owned(),
            Trouble::Missing => "missing".to_owned(),
        }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Trouble::Fault(fault)
    }
}

pub(crate) type Work = BoxFuture<'static, Result<(), Trouble>>;

/// What one side has said and the other has not heard yet.
#[derive(Debug, Default)]
struct Papers {
    offer: Option<String>,
    answer: Option<String>,
    candidates: Vec<Candidate>,
}

pub(crate) struct Cast {
    pub(crate) camera: Worker<worker::Camera>,
    pub(crate) peer: Worker<worker::Peer>,
    pub(crate) viewer: Arc<tokio::sync::Mutex<Viewer>>,
    board: Arc<Board>,
    papers: Arc<Mutex<Papers>>,
    role: Role,
    promised: bool,
    one_sided: bool,
}

fn lock(papers: &Mutex<Papers>) -> MutexGuard<'_, Papers> {
    papers.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sdp(reply: Reply) -> Option<String> {
    match reply {
        Reply::Sdp(sdp) => Some(sdp),
        _ => None,
    }
}

fn without_candidates(sdp: &str) -> String {
    let is_one = |line: &&str| line.starts_with("a=candidate") || line.starts_with("a=end-of-");
    sdp.lines().filter(|line| !is_one(line)).map(|line| format!("{line}\r\n")).collect()
}

impl Cast {
    /// Warm workers, and a viewer that has made its offer, where it is the one who offers.
    pub(crate) async fn gather(
        spares: &Spares,
        board: &Arc<Board>,
        order: &Order,
    ) -> Result<Self, Fault> {
        let Order { role, promised, one_sided, .. } = *order;
        let (camera, _) = spares.take_camera()?;
        let (peer, _) = spares.take_peer(Duration::from_secs(30)).await?;
        camera.call(CameraCommand::Prepare { elements: board.elements() }, None).await?;
        let mut viewer = Viewer::new();
        let mut papers = Papers::default();
        if role == Role::Answerer {
            viewer.watch_video(shutterd::wire::Codec::H264);
            viewer.add_channel();
            papers.offer = Some(viewer.offer().await);
            papers.candidates.push(viewer.candidate().await);
        }
        let (viewer, papers) =
            (Arc::new(tokio::sync::Mutex::new(viewer)), Arc::new(Mutex::new(papers)));
        Ok(Self {
            camera,
            peer,
            viewer,
            board: Arc::clone(board),
            papers,
            role,
            promised,
            one_sided,
        })
    }

    fn peer(&self, command: PeerCommand) -> Work {
        let reply = self.peer.call(command, None);
        async move { Ok(reply.await.map(drop)?) }.boxed()
    }

    fn camera(&self, command: CameraCommand) -> Work {
        let reply = self.camera.call(command, None);
        async move { Ok(reply.await.map(drop)?) }.boxed()
    }

    /// Begins a step. What it is told is on its way when this returns.
    pub(crate) fn begin(&self, step: Step) -> Work {
        let session = SESSION;
        let (papers, viewer) = (Arc::clone(&self.papers), Arc::clone(&self.viewer));
        let one_sided = self.one_sided;
        match step {
            Step::CreatePeer => {
                let (role, ice_servers) = (self.role, Vec::new());
                self.peer(PeerCommand::CreatePeer { session, role, ice_servers })
            }
            Step::OpenCamera => match self.board.open() {
                Ok(open) => self.camera(open),
                Err(fault) => async move { Err(fault.into()) }.boxed(),
            },
            Step::CreateSource => self.camera(CameraCommand::CreateSource),
            Step::CreateStream => self.create_stream(),
            Step::AddTracks => self.peer(self.board.tracks(session, self.promised)),
            Step::CreateDataChannel => self.peer(PeerCommand::CreateDataChannel { session }),
            Step::CreateOffer => {
                let reply = self.peer.call(PeerCommand::CreateOffer { session }, None);
                async move {
                    lock(&papers).offer = sdp(reply.await?);
                    Ok(())
                }
                .boxed()
            }
            Step::AwaitAnswer => async move {
                let offer = lock(&papers).offer.clone().ok_or(Trouble::Missing)?;
                let offer = if one_sided { without_candidates(&offer) } else { offer };
                let mut viewer = viewer.lock().await;
                let answer = viewer.answer(&offer).await;
                lock(&papers).answer = Some(answer);
                let candidate = viewer.candidate().await;
                lock(&papers).candidates.push(candidate);
                Ok(())
            }
            .boxed(),
            Step::SetRemoteAnswer => match lock(&self.papers).answer.clone() {
                Some(sdp) => self.peer(PeerCommand::SetRemoteAnswer { session, sdp }),
                None => async { Err(Trouble::Missing) }.boxed(),
            },
            Step::SetRemoteOffer => {
                let sdp = lock(&self.papers).offer.clone().unwrap_or_default();
                self.peer(PeerCommand::SetRemoteOffer { session, sdp })
            }
            Step::CreateAnswer => {
                let reply = self.peer.call(PeerCommand::CreateAnswer { session }, None);
                async move {
                    lock(&papers).answer = sdp(reply.await?);
                    Ok(())
                }
                .boxed()
            }
            Step::SendAnswer => async move {
                let answer = lock(&papers).answer.clone().ok_or(Trouble::Missing)?;
                let answer = if one_sided { without_candidates(&answer) } else { answer };
                viewer.lock().await.set_answer(&answer).await;
                Ok(())
            }
            .boxed(),
            Step::AddCandidates => {
                let candidates = lock(&self.papers).candidates.clone();
                self.peer(PeerCommand::AddCandidates { session, candidates })
            }
            Step::AwaitConnected => self.peer(PeerCommand::AwaitConnected { session }),
            Step::EnableTracks => self.peer(PeerCommand::EnableTracks { session }),
        }
    }

    fn create_stream(&self) -> Work {
        let Ok((camera, peer)) = link_pair() else {
            return async { Err(Trouble::Missing) }.boxed();
        };
        let attached = self.camera.call(CameraCommand::Attach { session: SESSION }, Some(camera));
        let known = self.peer.call(PeerCommand::CreateStream { session: SESSION }, Some(peer));
        async move {
            tokio::try_join!(attached, known)?;
            Ok(())
        }
        .boxed()
    }

    /// Begins an undo.
    pub(crate) fn undo(&self, undo: Undo) -> Work {
        let session = SESSION;
        match undo {
            Undo::DisableTracks => self.peer(PeerCommand::DisableTracks { session }),
            Undo::DestroySource => self.camera(CameraCommand::DestroySource),
            Undo::AwaitCaptureStopped => self.camera(CameraCommand::AwaitCaptureStopped),
            Undo::CloseCamera => {
                let told = self.camera(CameraCommand::CloseCamera);
                let (camera, board) = (self.camera.clone(), Arc::clone(&self.board));
                async move {
                    told.await?;
                    camera.reaped().await;
                    board.is_closed_within(CLOSED_WITHIN).await;
                    Ok(())
                }
                .boxed()
            }
            Undo::DestroyStream => {
                // As in the product, a camera that is gone has no stream any more.
                let peer = self.peer(PeerCommand::DestroyStream { session });
                let camera = self.camera(CameraCommand::Detach { session });
                async move { tokio::join!(peer, camera).0 }.boxed()
            }
            Undo::DestroyDataChannel => self.peer(PeerCommand::DestroyDataChannel { session }),
            Undo::DestroyPeer => {
                let (told, peer) =
                    (self.peer(PeerCommand::DestroyPeer { session }), self.peer.clone());
                async move {
                    told.await?;
                    peer.reaped().await;
                    Ok(())
                }
                .boxed()
            }
        }
    }

    /// The first picture at the viewer.
    pub(crate) async fn first_frame(&self) {
        let is_first = |sight: &Sight| matches!(sight, Sight::FirstUnit { .. }).then_some(());
        self.viewer.lock().await.sees("the first picture", is_first).await;
    }

    /// The device's data channel at the viewer.
    pub(crate) async fn channel(&self) {
        let is_it = |sight: &Sight| matches!(sight, Sight::ChannelOpen(_)).then_some(());
        self.viewer.lock().await.sees("the data channel", is_it).await;
    }

    /// The goodbye at the viewer.
    pub(crate) async fn goodbye(&self) {
        let is_it = |sight: &Sight| matches!(sight, Sight::Goodbye).then_some(());
        self.viewer.lock().await.sees("the goodbye", is_it).await;
    }

    /// So many packets of media have come.
    pub(crate) async fn packets(&self) -> u64 {
        self.viewer.lock().await.packets()
    }

    /// Waits for so many packets of media.
    pub(crate) async fn receives(&self, packets: u64) {
        self.viewer.lock().await.receives(packets).await;
    }
}
