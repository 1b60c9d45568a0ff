// SPDX-License-Identifier: MIT OR Apache-2.0
//! The real service with real workers, as an operator starts it: for tests that meet it over HTTP
//! and through the process table.

#![allow(dead_code, unreachable_pub, clippy::print_stderr)] // each test binary uses its part

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use shutterd::session::{CameraState, ServiceStatus};

/// Longer than anything here takes on a loaded machine; a test that meets it has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The variable by which a program finds the system bus.
const BUS: &str = "DBUS_SYSTEM_BUS_ADDRESS";

/// A running service. Dropping it kills it.
pub struct Service {
    child: Child,
    pub address: SocketAddr,
    pub socket: PathBuf,
    log: Receiver<String>,
    seen: Vec<String>,
    directory: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

pub const DEMO: &str = "[[camera]]\nname = \"head\"\nboard = \"demo\"\nwidth = 320\nheight = 180\n";

/// No spare workers, and time for cold ones to load their libraries on a loaded machine: for tests
/// of what is said, not of how fast. Goes before the cameras.
pub const UNHURRIED: &str = "[media]\nprewarm = false\n[deadlines]\ncreate-peer = \"20s\"\n\
    open-camera = \"20s\"\ncreate-source = \"20s\"\ncreate-stream = \"20s\"\nadd-tracks = \"20s\"\n\
    create-data-channel = \"20s\"\ncreate-offer = \"20s\"\nset-remote-offer = \"20s\"\n\
    create-answer = \"20s\"\n";

impl Service {
    /// Starts the service with `config`, to which an address, a control socket and, unless it has
    /// one, a journal are added, and waits until it says that it is ready.
    pub fn start(config: &str) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_shutterd")), config)
    }

    /// As [`Service::start`], by a command that becomes the service when arguments follow.
    pub fn start_by(command: Command, config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("shutterd.toml");
        let socket = directory.path().join("control.sock");
        let mut text =
            format!("[http]\nlisten = \"127.0.0.1:0\"\n[control]\nsocket = {socket:?}\n{config}\n");
        if !config.contains("[journal]") {
            let journal = directory.path().join("journal");
            // The smallest: what is known of its sessions grows until the oldest make room, and must
            // not look like a leak.
            text.push_str(&format!("[journal]\ndirectory = {journal:?}\nmax-size = \"256K\"\n"));
        }
        std::fs::write(&file, text).unwrap();
        Self::run(command, directory)
    }

    /// Once more with the same configuration, after the process was killed; its workers may live.
    pub fn again(mut self) -> Self {
        self.child.wait().unwrap();
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        Self::run(Command::new(env!("CARGO_BIN_EXE_shutterd")), directory)
    }

    fn run(mut command: Command, directory: tempfile::TempDir) -> Self {
        let socket = directory.path().join("control.sock");
        // No test has to do with the machine's own bus.
        let of_its_own = command.get_envs().any(|(name, _)| name == BUS);
        let elsewhere = (!of_its_own)
            .then(|| (BUS, format!("unix:path={}", directory.path().join("no-bus").display())));
        let mut child = command
            .arg("--config")
            .arg(directory.path().join("shutterd.toml"))
            .env("SHUTTERD_LOG", "debug")
            // Inherited by the workers: a warning of GLib or GStreamer ends the one that has it.
            .env("G_DEBUG", "fatal-warnings")
            .env_remove("JOURNAL_STREAM")
            .envs(elsewhere)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut service = Self {
            child,
            address: ([127, 0, 0, 1], 0).into(),
            socket,
            log,
            seen: Vec::new(),
            directory,
        };
        let line = service.wait_for_log("viewer page at http://");
        let address = line.split("http://").nth(1).unwrap().trim_end_matches('/');
        service.address = address.parse().unwrap_or_else(|_| panic!("address in {line:?}"));
        service
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of the log that contains `text`.
    pub fn wait_for_log(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {text:?} in time:\n{}", self.said()),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("ended without {text:?}:\n{}", self.said())
                }
            }
        }
    }

    /// Waits until the log has a line that contains `text`, from whenever it is.
    pub fn has_said(&mut self, text: &str) -> String {
        let said = self.seen.iter().find(|line| line.contains(text)).cloned();
        said.unwrap_or_else(|| self.wait_for_log(text))
    }

    /// Everything it has logged so far.
    pub fn said(&mut self) -> String {
        self.seen.extend(self.log.try_iter());
        self.seen.join("\n")
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        // Its log is over when it, and every worker that shares it, has ended.
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap(),
                Err(RecvTimeoutError::Timeout) => panic!("does not end:\n{}", self.said()),
            }
        }
    }

    /// Its workers, from the process table: pid and role.
    pub fn workers(&self) -> Vec<(u32, String)> {
        children(self.pid())
            .into_iter()
            .filter_map(|pid| {
                let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
                let mut words = command.split(|byte| *byte == 0);
                words.next()?;
                Some((pid, String::from_utf8_lossy(words.next()?).into_owned()))
            })
            .collect()
    }

    pub async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let answer = request_to(self.address, method, path, headers, body);
        let answer = tokio::time::timeout(PATIENCE, answer).await.expect("no answer in time");
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[], "").await
    }

    pub async fn offer(&self, camera: &str, sdp: &str) -> Answer {
        let headers = [(CONTENT_TYPE.as_str(), "application/sdp")];
        self.request(Method::POST, &format!("/whep/{camera}"), &headers, sdp.to_owned()).await
    }

    pub async fn status(&self) -> ServiceStatus {
        serde_json::from_str(&self.get("/api/v1/status").await.body).unwrap()
    }

    /// Waits for a status in which `holds`.
    pub async fn until(&self, what: &str, holds: impl Fn(&ServiceStatus) -> bool) -> ServiceStatus {
        let deadline = Instant::now() + PATIENCE;
        let mut status = self.status().await;
        while !holds(&status) {
            assert!(Instant::now() < deadline, "not in time: {what}: {status:#?}");
            let path = format!("/api/v1/status?after={}", status.serial);
            status = serde_json::from_str(&self.get(&path).await.body).unwrap();
        }
        status
    }

    /// Waits until every camera is closed and every session has ended.
    pub async fn until_idle(&self) -> ServiceStatus {
        self.until("idle", |status| {
            status.cameras.iter().all(|camera| camera.state == CameraState::Closed)
                && status.sessions.iter().all(|session| session.outcome.is_some())
        })
        .await
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the service said:\n{}", self.said());
        }
    }
}

/// Asks an HTTP server. Dropping the future closes the connection.
pub async fn request_to(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut request = Request::builder().method(method).uri(path);
    request = request.header(HOST, address.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into()))?;
    let exchange = async move {
        let response = sender.send_request(request).await?;
        drop(sender);
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    };
    tokio::join!(exchange, connection).0
}

/// The children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let list = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(list.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    found
}

/// Waits until the process is gone, by its pidfd.
pub fn gone(pid: u32) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    let flags = rustix::process::PidfdFlags::empty();
    let Ok(pidfd) = rustix::process::pidfd_open(pid, flags) else { return };
    let patience = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&patience)).unwrap();
    assert_eq!(ready, 1, "process {pid:?} is still there");
}

/// An offer of a viewer that nobody will ever hear of again: it is answered, and never connects.
pub fn offer(codecs: &str) -> String {
    let fingerprint = ["AB"; 32].join(":");
    let (payloads, maps) = match codecs {
        "h264" => (
            "102",
            "a=rtpmap:102 H264/90000\r\na=fmtp:102 level-asymmetry-allowed=1;\
                    packetization-mode=1;profile-level-id=42e01f\r\na=rtcp-fb:102 nack pli\r\n",
        ),
        "h265" => (
            "49",
            "a=rtpmap:49 H265/90000\r\na=fmtp:49 level-id=180;profile-id=1;tier-flag=0;\
                    tx-mode=SRST\r\na=rtcp-fb:49 nack pli\r\n",
        ),
        "vp8" => ("96", "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n"),
        "av1" => ("45", "a=rtpmap:45 AV1/90000\r\n"),
        other => panic!("{other}"),
    };
    format!(
        "v=0\r\no=- 42 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF {payloads}\r\nc=IN IP4 0.0.0.0\r\n\
         a=ice-ufrag:nobd\r\na=ice-pwd:nobodyhasthispassword00\r\na=ice-options:trickle\r\n\
         a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\na=mid:0\r\na=recvonly\r\n\
         a=rtcp-mux\r\n{maps}"
    )
}
