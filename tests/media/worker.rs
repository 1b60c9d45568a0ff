// SPDX-License-Identifier: MIT OR Apache-2.0
//! A worker process at the end of a control socket, and the camera's end of a link.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::net::SendFlags;
use serde::{Serialize, de::DeserializeOwned};
use shutterd::lifecycle::Fault;
use shutterd::wire::link::{Frame, Header, Kind, LinkError, LinkSocket};
use shutterd::wire::socket::{ControlSocket, control_pair};
use shutterd::wire::{
    CameraCommand, CameraFact, Codec, PeerCommand, PeerFact, Reply, Report, Request, Whole,
};

pub(crate) use crate::soon::soon;

/// A worker process; killed when the test is done with it.
pub(crate) struct Worker<C, F> {
    child: Option<Child>,
    control: Option<ControlSocket>,
    next: u64,
    reports: VecDeque<Report<F>>,
    speaks: PhantomData<C>,
}

pub(crate) type CameraWorker = Worker<CameraCommand, CameraFact>;
pub(crate) type PeerWorker = Worker<PeerCommand, PeerFact>;

impl CameraWorker {
    pub(crate) fn camera() -> Self {
        Self::start("camera", &[])
    }

    /// With `variables` in its environment.
    pub(crate) fn camera_with(variables: &[(&str, &OsStr)]) -> Self {
        Self::start("camera", variables)
    }
}

impl PeerWorker {
    pub(crate) fn peer() -> Self {
        Self::start("peer", &[])
    }
}

impl<C: Serialize, F: DeserializeOwned + Debug> Worker<C, F> {
    fn start(role: &str, variables: &[(&str, &OsStr)]) -> Self {
        let (ours, theirs) = control_pair().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_shutter-media"))
            .arg(role)
            // G1, G2, G16: a state changed on a streaming thread, or an element dropped in PLAYING,
            // is a warning of GLib; here it ends the worker, and with it the test.
            .env("G_DEBUG", "fatal-warnings")
            .envs(variables.iter().copied())
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let control = Some(ControlSocket::new(ours).unwrap());
        Self { child: Some(child), control, next: 0, reports: VecDeque::new(), speaks: PhantomData }
    }

    pub(crate) fn socket(&self) -> &ControlSocket {
        self.control.as_ref().unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) async fn send_with(&mut self, command: C, fd: Option<OwnedFd>) -> u64 {
        self.next += 1;
        let fds: Vec<_> = fd.iter().map(AsFd::as_fd).collect();
        self.socket().send(&Request { id: self.next, command }, &fds).await.unwrap();
        self.next
    }

    pub(crate) async fn send(&mut self, command: C) -> u64 {
        self.send_with(command, None).await
    }

    async fn receive(&self, what: &str) -> Report<F> {
        let message = soon(what, self.socket().receive::<Report<F>>()).await.unwrap();
        message.unwrap_or_else(|| panic!("the worker ended before: {what}")).0
    }

    pub(crate) async fn result(&mut self, wanted: u64) -> Result<Reply, Fault> {
        let is_it = |report: &Report<F>| match report {
            Report::Done { id, .. } | Report::Failed { id, .. } => *id == wanted,
            Report::Fact(_) => false,
        };
        let report = match self.reports.iter().position(is_it) {
            Some(at) => self.reports.remove(at).unwrap(),
            None => loop {
                let report = self.receive("the result of a command").await;
                if is_it(&report) {
                    break report;
                }
                self.reports.push_back(report);
            },
        };
        match report {
            Report::Done { reply, .. } => Ok(reply),
            Report::Failed { fault, .. } => Err(fault),
            Report::Fact(_) => unreachable!(),
        }
    }

    /// The next fact that `pick` takes; others stay for later.
    pub(crate) async fn fact<T>(&mut self, what: &str, pick: impl Fn(&F) -> Option<T>) -> T {
        for at in 0..self.reports.len() {
            if let Report::Fact(fact) = &self.reports[at]
                && let Some(found) = pick(fact)
            {
                self.reports.remove(at);
                return found;
            }
        }
        loop {
            let report = self.receive(what).await;
            if let Report::Fact(fact) = &report
                && let Some(found) = pick(fact)
            {
                return found;
            }
            self.reports.push_back(report);
        }
    }

    /// Whether a fact that came before the last result is one of these.
    pub(crate) fn has_said(&self, is_it: impl Fn(&F) -> bool) -> bool {
        self.reports.iter().any(|report| matches!(report, Report::Fact(fact) if is_it(fact)))
    }

    pub(crate) async fn try_call(&mut self, command: C) -> Result<Reply, Fault> {
        let id = self.send(command).await;
        self.result(id).await
    }

    pub(crate) async fn call(&mut self, command: C) -> Reply {
        self.try_call(command).await.unwrap()
    }

    pub(crate) async fn call_with(&mut self, command: C, fd: OwnedFd) -> Result<Reply, Fault> {
        let id = self.send_with(command, Some(fd)).await;
        self.result(id).await
    }

    /// Closes the daemon's end, as its death would.
    pub(crate) fn abandon(&mut self) {
        self.control = None;
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let waiting = tokio::task::spawn_blocking(move || child.wait());
        soon("the end of the worker", waiting).await.unwrap().unwrap()
    }
}

impl<C, F> Drop for Worker<C, F> {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Bits per second of the tests' cameras at their best: what x264enc and vp8enc make without being asked.
pub(crate) const BITRATE: u32 = 2_048_000;

/// The picture of the tests' cameras.
pub(crate) const WHOLE: Whole = Whole { width: 320, height: 240, framerate: 30, bitrate: BITRATE };

pub(crate) fn launch(codec: Codec) -> String {
    let encoder = match codec {
        Codec::H264 => {
            "x264enc name=encoder tune=zerolatency speed-preset=ultrafast bframes=0 \
             key-int-max=60 ! video/x-h264,profile=constrained-baseline"
        }
        Codec::H265 => {
            "x265enc name=encoder tune=zerolatency speed-preset=ultrafast key-int-max=60"
        }
        Codec::Vp8 => "vp8enc name=encoder deadline=1 cpu-used=8 keyframe-max-dist=60",
    };
    format!(
        "videotestsrc name=camera is-live=true \
         ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! {encoder}"
    )
}

pub(crate) fn open_camera(codec: Codec) -> CameraCommand {
    CameraCommand::OpenCamera { launch: launch(codec), device: None, codec, whole: WHOLE }
}

/// One end of a link.
pub(crate) struct LinkEnd(LinkSocket);

impl LinkEnd {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self(LinkSocket::new(fd).unwrap())
    }

    /// The next frame; `None` when the other end has closed the link.
    pub(crate) async fn next(&self) -> Option<(Header, Vec<u8>)> {
        match soon("a frame of the link", self.0.next()).await {
            Ok(frame) => Some(frame),
            Err(LinkError::Closed) => None,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn send(&self, frame: &Frame) {
        soon("room in the link", self.0.send(frame)).await.unwrap();
    }

    pub(crate) fn send_bytes(&self, bytes: &[u8]) {
        rustix::net::send(&self.0, bytes, SendFlags::empty()).unwrap();
    }
}

pub(crate) fn is_keyframe(header: &Header) -> bool {
    header.kind == Kind::AccessUnit { keyframe: true }
}
