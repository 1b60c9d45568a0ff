// SPDX-License-Identifier: MIT OR Apache-2.0
//! Workers of an earlier run of this service that did not end with it. A process that is stopped
//! does not see that its daemon has gone, and keeps what it has open: so the next run ends it.
//!
//! Only what is ours without doubt is killed: it runs our worker's file as our user, its environment
//! says which daemon of which service started it, and that daemon is its parent no more. The kill
//! goes by a pidfd that was opened before all of that was read, so that no other process can be
//! meant; whatever may not be read is not ours.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, Signal, geteuid, pidfd_open, pidfd_send_signal};
use tokio::time::{Instant, timeout_at};

use crate::lifecycle::steps::KILL_DEADLINE;
use crate::wire::packet::watched;

/// The variable that says whose a worker is.
pub(super) const MARK: &str = "SHUTTER_MEDIA_OF";

/// What is written into a worker's environment by this process, for the service of that name.
pub(super) fn mark(service: &Path) -> String {
    format!("{} {}", std::process::id(), service.display())
}

/// Kills the leftovers of `service`, whose workers run `program`, and waits until they have ended,
/// for at most [`KILL_DEADLINE`]. What became of them is logged. Cancel-safe; what was killed is.
pub async fn end(program: PathBuf, service: PathBuf) {
    let found = tokio::task::spawn_blocking(move || find(Path::new("/proc"), &program, &service));
    let deadline = Instant::now() + KILL_DEADLINE;
    for (pid, pidfd) in found.await.unwrap_or_default() {
        tracing::warn!(pid, "a worker of an earlier run did not end with it and is killed");
        if let Err(error) = pidfd_send_signal(&pidfd, Signal::KILL) {
            tracing::error!(pid, %error, "cannot kill it");
        }
        let ended = async { watched(pidfd)?.readable().await.map(drop) };
        match timeout_at(deadline, ended).await {
            Ok(Ok(())) => tracing::info!(pid, "it has ended"),
            Ok(Err(error)) => tracing::error!(pid, %error, "cannot watch it"),
            Err(_) => tracing::error!(pid, "it does not end"),
        }
    }
}

fn find(proc: &Path, program: &Path, service: &Path) -> Vec<(i32, OwnedFd)> {
    let Ok(program) = program.canonicalize() else { return Vec::new() };
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| runs(&proc.join(pid.to_string()), &program))
        .filter_map(|pid| {
            let pidfd = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::NONBLOCK).ok()?;
            let directory = proc.join(pid.to_string());
            is_leftover(&directory, &program, service).then_some((pid, pidfd))
        })
        .collect()
}

/// Whether a process runs `program`, which may have been replaced since by an update.
fn runs(process: &Path, program: &Path) -> bool {
    let Ok(file) = fs::read_link(process.join("exe")) else { return false };
    let file = file.as_os_str().as_bytes();
    file.strip_suffix(b" (deleted)").unwrap_or(file) == program.as_os_str().as_bytes()
}

fn is_leftover(process: &Path, program: &Path, service: &Path) -> bool {
    let ours = fs::metadata(process).is_ok_and(|it| it.uid() == geteuid().as_raw());
    let orphan = match (daemon(process, service), parent(process)) {
        (Some(daemon), Some(parent)) => daemon != parent,
        _ => false,
    };
    ours && runs(process, program) && orphan
}

/// The daemon that started a process as a worker of `service`.
fn daemon(process: &Path, service: &Path) -> Option<u32> {
    let environment = fs::read(process.join("environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    let mark = variables.find_map(|it| it.strip_prefix(MARK.as_bytes())?.strip_prefix(b"="))?;
    let (pid, name) = std::str::from_utf8(mark).ok()?.split_once(' ')?;
    (Path::new(name) == service).then_some(pid.parse().ok()?)
}

fn parent(process: &Path) -> Option<u32> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "/usr/libexec/shutter-media";
    const SERVICE: &str = "/run/shutterd/control.sock";

    /// A process of ours that daemon 40 started; its parent is another by now.
    struct Leftover(tempfile::TempDir);

    impl Leftover {
        fn new() -> Self {
            let leftover = Self(tempfile::tempdir().unwrap());
            leftover.exe(PROGRAM);
            leftover.write("environ", &format!("A=b\0{MARK}=40 {SERVICE}\0C=d\0"));
            leftover.write("status", "Name:\tshutter-media\nPPid:\t1\n");
            leftover
        }

        fn exe(&self, program: &str) {
            let _ = fs::remove_file(self.0.path().join("exe"));
            std::os::unix::fs::symlink(program, self.0.path().join("exe")).unwrap();
        }

        fn write(&self, file: &str, text: &str) {
            fs::write(self.0.path().join(file), text).unwrap();
        }

        fn is_one(&self) -> bool {
            is_leftover(self.0.path(), Path::new(PROGRAM), Path::new(SERVICE))
        }
    }

    #[test]
    fn a_worker_of_this_service_whose_daemon_has_gone_is_a_leftover() {
        let leftover = Leftover::new();
        assert!(leftover.is_one());
        leftover.exe(&format!("{PROGRAM} (deleted)"));
        assert!(leftover.is_one(), "an update has replaced its file");
    }

    #[test]
    fn whatever_is_in_doubt_is_left_alone() {
        type Change = fn(&Leftover);
        let doubts: [(&str, Change); 7] = [
            ("its daemon lives", |it| it.write("status", "PPid:\t40\n")),
            ("another program", |it| it.exe("/usr/bin/cheese")),
            ("another file of that name", |it| it.exe("/tmp/shutter-media")),
            ("of another service", |it| {
                it.write("environ", &format!("{MARK}=40 /tmp/other.sock\0"))
            }),
            ("started by hand", |it| it.write("environ", "A=b\0")),
            ("garbage", |it| it.write("environ", &format!("{MARK}={SERVICE}\0"))),
            ("its parent is not known", |it| it.write("status", "")),
        ];
        for (doubt, change) in doubts {
            let leftover = Leftover::new();
            change(&leftover);
            assert!(!leftover.is_one(), "{doubt}");
        }
        let gone = Leftover::new();
        fs::remove_dir_all(gone.0.path()).unwrap();
        assert!(!gone.is_one(), "it has ended");
    }
}
