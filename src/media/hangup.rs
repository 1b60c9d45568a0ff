// SPDX-License-Identifier: MIT OR Apache-2.0
//! A worker whose daemon is gone ends at once: nobody is left who could close its camera.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};

/// Watches `control` on a thread of its own, which needs neither the runtime nor GStreamer: either
/// may hang, and the camera must be closed all the same.
///
/// # Errors
/// When the system has no thread left.
pub(crate) fn watch(control: OwnedFd) -> io::Result<()> {
    std::thread::Builder::new().name("hangup".into()).stack_size(64 << 10).spawn(move || {
        // No events asked for: only the end of the other side (POLLHUP, POLLERR) wakes this.
        let mut fds = [PollFd::new(&control, PollFlags::empty())];
        loop {
            match poll(&mut fds, None) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        // Not exit(): its handlers wait for locks that a wedged thread may hold.
        let _ = kill_process(getpid(), Signal::KILL);
    })?;
    Ok(())
}
