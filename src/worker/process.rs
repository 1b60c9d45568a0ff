// SPDX-License-Identifier: MIT OR Apache-2.0
//! One child process, held by its pidfd: a number that cannot come to mean another process.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::wire::packet::watched;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// A running child. Dropping it kills it; reaping it is [`Process::reaped`].
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    pidfd: AsyncFd<OwnedFd>,
}

impl Process {
    /// Starts `program` with `args`, and `variables` added to its environment; `stdin` becomes its
    /// standard input.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(
        program: &Path,
        args: &[&OsStr],
        variables: &[(&str, &str)],
        stdin: OwnedFd,
    ) -> io::Result<Self> {
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::from(stdin))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .envs(variables.iter().copied())
            // In a terminal Ctrl-C goes to whoever is in its group: our end ends the child, in order.
            .process_group(0)
            .spawn()?;
        // The child is ours and not reaped yet, so its pid is still its own.
        let pid = Pid::from_child(&child);
        let pidfd = pidfd_open(pid, PidfdFlags::NONBLOCK)?;
        Ok(Self { pid, pidfd: watched(pidfd)? })
    }

    /// Its number, for logs and the release oracle.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Waits until the process of that number, anybody's, has ended. One that cannot be watched is
    /// waited for in vain: it has ended already, or this system has no descriptor for it left.
    /// Cancel-safe.
    pub async fn ended(pid: u32) {
        let watch = || {
            let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
            watched(pidfd_open(pid, PidfdFlags::NONBLOCK).ok()?).ok()
        };
        match watch() {
            // An error would mean that it cannot be watched any more.
            Some(pidfd) => drop(pidfd.readable().await),
            None => std::future::pending().await,
        }
    }

    /// Sends SIGKILL. A process that has ended already is left alone.
    pub fn kill(&self) {
        if let Err(error) = pidfd_send_signal(self.pidfd.as_fd(), Signal::KILL)
            && error != rustix::io::Errno::SRCH
        {
            tracing::error!(pid = self.pid(), %error, "cannot kill worker");
        }
    }

    /// Waits until the process has ended and reaps it: from then on none of its descriptors is
    /// open. Call once. Cancel-safe.
    ///
    /// # Errors
    /// When somebody else reaped it.
    pub async fn reaped(&self) -> io::Result<Exit> {
        self.pidfd
            .async_io(Interest::READABLE, |pidfd| {
                let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
                match waitid(WaitId::PidFd(pidfd.as_fd()), options)? {
                    Some(status) => Ok(match (status.exit_status(), status.terminating_signal()) {
                        (Some(code), _) => Exit::Code(code),
                        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
                    }),
                    None => Err(io::ErrorKind::WouldBlock.into()),
                }
            })
            .await
    }
}

impl Drop for Process {
    /// A safety net: nothing waits here. An owner that wants to know reaps first.
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::socket::control_pair;

    fn sleeper() -> (Process, OwnedFd) {
        let (ours, theirs) = control_pair().unwrap();
        let program = Path::new("/bin/cat");
        (Process::spawn(program, &[], &[], theirs).unwrap(), ours)
    }

    #[tokio::test]
    async fn a_killed_process_is_reaped_and_says_how_it_ended() {
        let (process, _socket) = sleeper();
        process.kill();
        assert_eq!(process.reaped().await.unwrap(), Exit::Signal(9));
        // What has ended is not killed again: no other process can be meant.
        process.kill();
    }

    #[tokio::test]
    async fn a_process_ends_when_its_socket_hangs_up() {
        let (process, socket) = sleeper();
        drop(socket);
        assert_eq!(process.reaped().await.unwrap(), Exit::Code(0));
    }
}
