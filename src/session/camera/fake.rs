// SPDX-License-Identifier: MIT OR Apache-2.0
//! A camera on a board of the test's own: its node is `/dev/null`, whoever holds it stands in a
//! `/proc` of the test's, and its worker is this program, which does as it is told to.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Camera, Surroundings};
use crate::config::{Config, Deadlines};
use crate::device::Shutter;
use crate::device::fake::Fake;
use crate::lifecycle::{Fault, FaultCode};
use crate::session::Announcer;
use crate::wire::socket::ControlSocket;
use crate::wire::{CameraCommand, CameraFact, Codec, Reply, Report, Request, SessionId};
use crate::worker::Spares;

/// Longer than anything here takes; a test that meets it has failed.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const A: SessionId = SessionId(1);
pub(crate) const B: SessionId = SessionId(2);

/// How its workers are. The name of a file beside the node.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    /// The camera fails as soon as frames flow.
    Fails,
    /// The process does not end when the camera is closed.
    Stays,
}

impl Mood {
    fn name(self) -> &'static str {
        match self {
            Mood::Fails => "fails",
            Mood::Stays => "stays",
        }
    }
}

/// A camera, and the board that it is on.
pub(crate) struct Stand {
    pub(crate) camera: Arc<Camera>,
    pub(crate) board: Fake,
    pub(crate) around: Surroundings,
}

/// Somebody who has the camera open, with a process of the real system so that it can end.
pub(crate) struct Holder {
    pub(crate) child: Child,
}

impl Stand {
    /// With a hook that writes a line each time that it runs.
    pub(crate) fn new() -> Self {
        let board = Fake::new();
        board.link("video", "/dev/null");
        let text = format!(
            "[[camera]]\nname = \"head\"\nboard = \"v4l2-software\"\ndevice = {:?}\n\
             reopen-within = \"1s\"\nrecover = [\"/bin/sh\", \"-c\", 'echo >>{:?}']\n",
            board.path("video"),
            board.path("hook"),
        );
        let config = Config::from_text(&text).unwrap().cameras.remove(0);
        // Asked when it runs, not when it is built: on a device that is another place.
        let tree = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the tree is");
        let program = Path::new(&tree).join("tests/fake-worker.sh");
        let tasks = TaskTracker::new();
        let around = Surroundings {
            deadlines: Deadlines::default(),
            spares: Arc::new(Spares::new(program, Vec::new(), false, tasks.clone())),
            tasks,
            ending: CancellationToken::new(),
            serial: watch::Sender::new(0),
            announcer: Announcer::default(),
        };
        let mut shutter = Shutter::new(&config, board.roots());
        shutter.probe = |_| Ok(());
        let mut camera = Camera::new(config, around.clone());
        camera.shutter = Arc::new(shutter);
        Self { camera: Arc::new(camera), board, around }
    }

    pub(crate) fn mood(self, mood: Mood) -> Self {
        self.board.write(mood.name(), "");
        self
    }

    /// `open-camera`; what it says of itself.
    pub(crate) async fn opened(&self, session: SessionId) -> String {
        let opening = self.camera.open(session, Codec::H264);
        in_time("open", opening).await.unwrap().0.note.unwrap_or_default()
    }

    /// Somebody opens the node, by whatever means: a worker's program or another one.
    pub(crate) fn held_by(&self, command: &str) -> Holder {
        let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let child = child.unwrap();
        self.board.process(child.id(), 1, command, &format!("/usr/bin/{command}"));
        self.board.descriptor(child.id(), 5, "/dev/null");
        Holder { child }
    }

    /// The holder closes the node, and ends.
    pub(crate) fn let_go(&self, mut holder: Holder) {
        let process = self.board.path(&format!("proc/{}", holder.child.id()));
        fs::remove_dir_all(process).unwrap();
        drop(holder.child.stdin.take());
        holder.child.wait().unwrap();
    }

    /// How often the hook has run.
    pub(crate) fn hooks(&self) -> usize {
        fs::read_to_string(self.board.path("hook")).map_or(0, |text| text.lines().count())
    }

    /// Waits until the worker was told so.
    pub(crate) async fn told(&self, command: &str) {
        let log = self.board.path("told");
        let heard = || fs::read_to_string(&log).is_ok_and(|text| text.contains(command));
        in_time(command, async { until(heard).await }).await;
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for what nothing else tells of.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

#[test]
#[ignore = "is the worker that other tests start"]
fn worker() {
    let stdin: OwnedFd = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { serve(&ControlSocket::new(stdin).unwrap()).await });
}

/// Ends with the daemon, whatever its mood.
async fn serve(socket: &ControlSocket) {
    let mut directory = PathBuf::new();
    let say = async |report: &Report<CameraFact>| drop(socket.send(report, &[]).await);
    while let Ok(Some((Request { id, command }, _))) = socket.receive().await {
        if let CameraCommand::OpenCamera { device: Some(device), .. } = &command {
            directory = device.parent().unwrap().to_owned();
        }
        let is = |mood: Mood| directory.join(mood.name()).exists();
        let reply = match command {
            CameraCommand::Attach { .. } => Reply::Caps("video/x-h264".to_owned()),
            _ => Reply::Done,
        };
        say(&Report::Done { id, reply }).await;
        if command == (CameraCommand::Prepare { elements: Vec::new() }) {
            // It is not known yet whose worker this is.
            continue;
        }
        let mut log = fs::read_to_string(directory.join("told")).unwrap_or_default();
        log.push_str(&format!("{command:?}\n"));
        fs::write(directory.join("told"), log).unwrap();
        match command {
            CameraCommand::CreateSource if is(Mood::Fails) => {
                let fault = Fault::new(FaultCode::CameraError, "planted");
                say(&Report::Fact(CameraFact::Failed(fault))).await;
            }
            CameraCommand::CloseCamera if !is(Mood::Stays) => return,
            _ => {}
        }
    }
}
