// SPDX-License-Identifier: MIT OR Apache-2.0
//! What whoever started us left to us: sockets that systemd listens on for us, descriptors that are
//! open by accident, and capabilities. Workers would inherit the latter two in turn, and a worker
//! inherits only what it is given.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

/// The sockets that systemd listens on for us (`shutterd.socket`, `shutterd-http.socket`).
/// <https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html>
#[derive(Debug, Default)]
pub struct Sockets {
    /// Where the control socket's clients come in.
    pub control: Option<UnixListener>,
    /// Where HTTP comes in.
    pub http: Option<TcpListener>,
}

/// Takes the sockets that are meant for us, closes every other descriptor but the standard three, and
/// keeps what capabilities the unit gives from the programs that we start. Call before anything else
/// is opened, and before there is a second thread.
pub fn take() -> Sockets {
    // What the release oracle needs to see is nothing for a parser of the network's bytes. A kernel
    // that knows none has none to give.
    let _ = rustix::thread::clear_ambient_capability_set();
    let mut given = ListenFd::from_env();
    let mut sockets = Sockets::default();
    for index in 0..given.len() {
        // One that is of the wrong kind is left in its place, and closed below.
        if let Ok(Some(listener)) = given.take_unix_listener(index) {
            sockets.control.get_or_insert(listener);
        } else if let Ok(Some(listener)) = given.take_tcp_listener(index) {
            sockets.http.get_or_insert(listener);
        }
    }
    close_others(&sockets);
    sockets
}

fn close_others(sockets: &Sockets) {
    use std::os::fd::AsRawFd;
    let control = sockets.control.as_ref().map(AsRawFd::as_raw_fd);
    let http = sockets.http.as_ref().map(AsRawFd::as_raw_fd);
    let Ok(listing) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> = listing
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2 && Some(*fd) != control && Some(*fd) != http)
        .collect();
    for fd in open {
        // One of them was the listing's own, and is closed already.
        let _ = nix::unistd::close(fd);
    }
}
