// SPDX-License-Identifier: MIT OR Apache-2.0
//! A worker that has no media: it speaks the daemon's protocol, and does so badly, as its mood says.
//! Its camera is a lock on a file, which the kernel takes back when the process ends, and which no
//! two can hold.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::net::SendFlags;
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::socket::{ControlSocket, MAX_MESSAGE};
use shutterd::wire::{
    CameraCommand, CameraFact, Connection, PeerCommand, PeerFact, Reply, Report, Request, SessionId,
};

/// Where the mood, the camera's lock and what went wrong are: the daemon's environment has it.
pub(crate) const DIRECTORY: &str = "STORM_DIRECTORY";

/// How badly workers behave: out of a thousand commands, so many fail, end the process, hang, or
/// take a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mood {
    pub(crate) seed: u64,
    pub(crate) fails: u16,
    pub(crate) dies: u16,
    pub(crate) hangs: u16,
    pub(crate) slow: u16,
    /// Beside so many reports comes what belongs to another command or to another session.
    #[serde(default)]
    pub(crate) babbles: u16,
    /// Instead of what was asked of a peer worker first comes a packet that is none.
    #[serde(default)]
    pub(crate) garbles: Option<Garbled>,
}

/// What is no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Garbled {
    /// One that breaks off after so many bytes.
    Cut(u8),
    /// One that is larger than any may be.
    Oversized,
    /// Something else.
    Foreign,
}

impl Garbled {
    fn packet(self) -> Vec<u8> {
        let report = br#"{"done":{"id":1,"reply":"done"}}"#;
        match self {
            Garbled::Cut(at) => report[..1 + usize::from(at) % (report.len() - 1)].to_vec(),
            Garbled::Oversized => [&report[..], &[b' '; MAX_MESSAGE]].concat(),
            Garbled::Foreign => b"[1]".to_vec(),
        }
    }
}

impl Mood {
    pub(crate) fn set(self, directory: &Path) {
        let new = directory.join("mood.new");
        std::fs::write(&new, serde_json::to_vec(&self).unwrap()).unwrap();
        std::fs::rename(new, directory.join("mood")).unwrap();
    }

    /// The mood now: a spare is started long before it is used.
    fn read(directory: &Path) -> Self {
        serde_json::from_slice(&std::fs::read(directory.join("mood")).unwrap()).unwrap()
    }
}

/// What becomes of a command.
enum Fate {
    Done,
    Fails,
    Hangs,
}

struct Fake {
    directory: PathBuf,
    socket: ControlSocket,
    /// Of the commands so far, so that each draws another number.
    drawn: u64,
    camera: Option<File>,
}

/// Runs as the worker of `role` until the daemon is done with it.
pub(crate) fn run(role: &str) {
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
    let stdin: OwnedFd = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = ControlSocket::new(stdin).unwrap();
        let mut fake = Fake { directory, socket, drawn: 0, camera: None };
        match role {
            "camera" => fake.serve(Fake::camera, || vec![CameraFact::LinkGone(NOBODY)]).await,
            _ => fake.serve(Fake::peer, of_nobody).await,
        }
    });
}

/// splitmix64: one number of a seed.
fn draw(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// No session has it.
const NOBODY: SessionId = SessionId(1);

/// What would end the session that it names.
fn of_nobody() -> Vec<PeerFact> {
    let (session, silence) = (NOBODY, Duration::from_secs(5));
    vec![
        PeerFact::Silent { session, silence },
        PeerFact::Connection { session, state: Connection::Closed },
        PeerFact::Connection { session, state: Connection::Failed },
        PeerFact::Failed { session, fault: Fault::new(FaultCode::NoFrames, "of no session") },
    ]
}

impl Fake {
    async fn serve<C: DeserializeOwned, F: Serialize + 'static>(
        &mut self,
        act: fn(&mut Self, C) -> (Reply, Vec<F>, bool),
        stray: fn() -> Vec<F>,
    ) {
        // The end of the daemon ends this, whatever it was doing.
        while let Ok(Some((Request { id, command }, _))) = self.socket.receive::<Request<C>>().await
        {
            if self.babbles() {
                for id in [0, id - 1, id + 1000] {
                    self.say(&Report::<F>::Done { id, reply: Reply::Done }).await;
                    let fault = Fault::new(FaultCode::CameraError, "of no command");
                    self.say(&Report::<F>::Failed { id, fault }).await;
                }
                for fact in stray() {
                    self.say(&Report::Fact(fact)).await;
                }
            }
            if let Some(garbled) = self.garbles::<F>(id) {
                // A daemon that has gone hears nothing.
                let _ = rustix::net::send(&self.socket, &garbled.packet(), SendFlags::NOSIGNAL);
                continue;
            }
            let report = match self.fate().await {
                Fate::Hangs => continue,
                Fate::Fails => {
                    let fault = Fault::new(FaultCode::CameraError, "a bad mood");
                    Report::Failed { id, fault }
                }
                Fate::Done => {
                    let (reply, facts, last) = act(self, command);
                    self.say(&Report::<F>::Done { id, reply }).await;
                    for fact in facts {
                        self.say(&Report::Fact(fact)).await;
                    }
                    if last {
                        return;
                    }
                    continue;
                }
            };
            self.say::<F>(&report).await;
        }
    }

    async fn say<F: Serialize>(&self, report: &Report<F>) {
        // A daemon that has gone hears nothing.
        let _ = self.socket.send(report, &[]).await;
    }

    fn babbles(&mut self) -> bool {
        let mood = Mood::read(&self.directory);
        self.drawn += 1;
        draw(mood.seed ^ self.drawn.rotate_left(20)) % 1000 < u64::from(mood.babbles)
    }

    /// Only at first: later a worker may be asked whether it lives, at any moment.
    fn garbles<F: 'static>(&self, id: u64) -> Option<Garbled> {
        let is_peer = std::any::TypeId::of::<F>() == std::any::TypeId::of::<PeerFact>();
        Mood::read(&self.directory).garbles.filter(|_| is_peer && id == 1)
    }

    async fn fate(&mut self) -> Fate {
        let mood = Mood::read(&self.directory);
        self.drawn += 1;
        let seed = mood.seed ^ u64::from(std::process::id()).rotate_left(32) ^ self.drawn;
        let luck = u16::try_from(draw(seed) % 1000).unwrap();
        let below = |up_to: u16| luck < up_to;
        if below(mood.dies) {
            let _ = kill_process(getpid(), Signal::KILL);
        }
        if below(mood.dies + mood.fails) {
            return Fate::Fails;
        }
        if below(mood.dies + mood.fails + mood.hangs) {
            return Fate::Hangs;
        }
        if below(mood.dies + mood.fails + mood.hangs + mood.slow) {
            let never = std::future::pending::<()>();
            let _ = tokio::time::timeout(Duration::from_millis(draw(seed + 1) % 60), never).await;
        }
        Fate::Done
    }

    fn camera(&mut self, command: CameraCommand) -> (Reply, Vec<CameraFact>, bool) {
        let reply = match &command {
            CameraCommand::Attach { .. } => Reply::Caps("video/x-h264".to_owned()),
            _ => Reply::Done,
        };
        match &command {
            CameraCommand::OpenCamera { .. } => {
                let file = File::create(self.directory.join("camera")).unwrap();
                if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                    std::fs::write(self.directory.join("opened-twice"), "").unwrap();
                }
                self.camera = Some(file);
            }
            CameraCommand::CloseCamera => self.camera = None,
            _ => {}
        }
        (reply, Vec::new(), command == CameraCommand::CloseCamera)
    }

    fn peer(&mut self, command: PeerCommand) -> (Reply, Vec<PeerFact>, bool) {
        let mut facts = Vec::new();
        let mut reply = Reply::Done;
        match &command {
            PeerCommand::CreateOffer { .. } | PeerCommand::CreateAnswer { .. } => {
                reply = Reply::Sdp("v=0\r\na=end-of-candidates\r\n".to_owned());
            }
            // What a viewer does on its own, once in a while.
            PeerCommand::EnableTracks { session } => {
                self.drawn += 1;
                let mood = Mood::read(&self.directory);
                let session = *session;
                match draw(mood.seed ^ self.drawn) % 1000 {
                    luck if luck < u64::from(mood.fails) => {
                        let silence = Duration::from_secs(5);
                        facts.push(PeerFact::Silent { session, silence });
                    }
                    luck if luck < 2 * u64::from(mood.fails) => {
                        facts.push(PeerFact::Connection { session, state: Connection::Closed });
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        (reply, facts, matches!(command, PeerCommand::DestroyPeer { .. }))
    }
}
