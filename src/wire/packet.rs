// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sequenced-packet socket: each packet goes whole or not at all, with descriptors beside it.
//! Every descriptor is close-on-exec.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The most descriptors beside one packet.
const MAX_FDS: usize = 2;

/// One packet: its bytes, none at the end, and its descriptors.
pub(super) type Packet = (Vec<u8>, Vec<OwnedFd>);

/// One end of such a socket.
#[derive(Debug)]
pub(super) struct PacketSocket {
    fd: AsyncFd<OwnedFd>,
}

/// Two connected ends.
///
/// # Errors
/// When the system has no descriptors left.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Registers `fd` with the runtime of the caller.
///
/// # Errors
/// When the descriptor cannot be polled.
#[expect(
    deprecated,
    reason = "its successor is unsafe for types whose descriptor may change; \
                               an OwnedFd's never does"
)]
pub(crate) fn watched(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(fd)
}

impl PacketSocket {
    /// Takes `fd`, a sequenced-packet socket, into the runtime of the caller.
    ///
    /// # Errors
    /// When the descriptor cannot be polled.
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(Self { fd: watched(fd)? })
    }

    /// Sends one packet, as soon as there is room. Cancel-safe.
    ///
    /// # Errors
    /// When the other end is gone, or there are more descriptors than a packet may have.
    pub(super) async fn send(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.fd
            .async_io(Interest::WRITABLE, |fd| {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
                let mut beside = SendAncillaryBuffer::new(&mut space);
                if !fds.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(fds)) {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                let sent = sendmsg(fd, &[IoSlice::new(bytes)], &mut beside, SendFlags::NOSIGNAL)?;
                debug_assert_eq!(sent, bytes.len(), "packets go whole");
                Ok(())
            })
            .await
    }

    /// Waits for a packet of at most `longest` bytes. Cancel-safe.
    ///
    /// # Errors
    /// `InvalidData` when it is longer; it is gone then.
    pub(super) async fn receive(&self, longest: usize) -> io::Result<Packet> {
        self.fd.async_io(Interest::READABLE, |fd| packet(fd, longest)).await
    }

    /// What [`PacketSocket::receive`] would give, if it is there already.
    ///
    /// # Errors
    /// As `receive`, and `WouldBlock` when nothing is there.
    pub(super) fn try_receive(&self, longest: usize) -> io::Result<Packet> {
        packet(self.fd.get_ref(), longest)
    }
}

fn packet(fd: &OwnedFd, longest: usize) -> io::Result<Packet> {
    let mut bytes = vec![0; longest];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let len = match recvmsg(fd, &mut parts, &mut beside, RecvFlags::CMSG_CLOEXEC) {
        // What is left of a packet may look like one.
        Ok(got) if got.flags.contains(ReturnFlags::TRUNC) => {
            let why = format!("message of more than {longest} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(got) => got.bytes,
        // The other end went away with packets of ours unread.
        Err(rustix::io::Errno::CONNRESET) => 0,
        Err(error) => return Err(error.into()),
    };
    let fds = beside
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        })
        .flatten()
        .collect();
    bytes.truncate(len);
    Ok((bytes, fds))
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.get_ref().as_fd()
    }
}
