// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control socket between the daemon and one worker: a sequenced-packet socket pair, one JSON
//! message to a packet, descriptors beside it. Every descriptor is close-on-exec.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The largest message. A session description is at most half of it (`sdp::MAX_LEN`).
pub const MAX_MESSAGE: usize = 160 << 10;

/// The most descriptors beside one message.
const MAX_FDS: usize = 2;

/// One end of a control socket.
#[derive(Debug)]
pub struct ControlSocket {
    fd: AsyncFd<OwnedFd>,
}

/// A pair of connected control sockets: the first for this process, the second to give away.
///
/// # Errors
/// When the system has no descriptors left.
pub fn control_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// A pair of connected stream sockets for one link: first the camera's end, then the peer's.
///
/// # Errors
/// When the system has no descriptors left.
pub fn link_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
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
pub fn watched(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(fd)
}

impl ControlSocket {
    /// Takes `fd`, a sequenced-packet socket, into the runtime of the caller.
    ///
    /// # Errors
    /// When the descriptor cannot be polled.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(Self { fd: watched(fd)? })
    }

    /// Sends one message with descriptors beside it. Cancel-safe: the message goes whole or not.
    ///
    /// # Errors
    /// When it is larger than [`MAX_MESSAGE`], or the other end is gone.
    pub async fn send<M: Serialize>(&self, message: &M, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        if bytes.len() > MAX_MESSAGE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("message of {} bytes, at most {MAX_MESSAGE}", bytes.len()),
            ));
        }
        self.fd
            .async_io(Interest::WRITABLE, |fd| {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
                let mut beside = SendAncillaryBuffer::new(&mut space);
                if !fds.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(fds)) {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                let sent = sendmsg(fd, &[IoSlice::new(&bytes)], &mut beside, SendFlags::NOSIGNAL)?;
                debug_assert_eq!(sent, bytes.len(), "packets go whole");
                Ok(())
            })
            .await
    }

    /// Receives one message and the descriptors beside it; `None` when the other end is gone.
    /// Cancel-safe.
    ///
    /// # Errors
    /// When what came is not such a message: the ends are of different versions.
    pub async fn receive<M: DeserializeOwned>(&self) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
        read(self.fd.async_io(Interest::READABLE, packet).await?)
    }

    /// What [`ControlSocket::receive`] would give, if it is there already: for the last words of
    /// a process that has ended.
    ///
    /// # Errors
    /// As `receive`, and `WouldBlock` when nothing is there.
    pub fn try_receive<M: DeserializeOwned>(&self) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
        read(packet(self.fd.get_ref())?)
    }
}

/// One packet: its bytes, none at the end, and its descriptors.
fn packet(fd: &OwnedFd) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = vec![0; MAX_MESSAGE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let len = match recvmsg(fd, &mut parts, &mut beside, RecvFlags::CMSG_CLOEXEC) {
        // What is left of a message may look like one.
        Ok(got) if got.flags.contains(ReturnFlags::TRUNC) => {
            let why = format!("message of more than {MAX_MESSAGE} bytes");
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

fn read<M: DeserializeOwned>(
    (bytes, fds): (Vec<u8>, Vec<OwnedFd>),
) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
    if bytes.is_empty() { Ok(None) } else { Ok(Some((serde_json::from_slice(&bytes)?, fds))) }
}

impl AsFd for ControlSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.get_ref().as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{CameraCommand, Request, SessionId};

    #[tokio::test]
    async fn a_message_arrives_with_its_descriptor_and_the_end_is_seen() {
        let (ours, theirs) = control_pair().unwrap();
        let (ours, theirs) =
            (ControlSocket::new(ours).unwrap(), ControlSocket::new(theirs).unwrap());
        let (camera, peer) = link_pair().unwrap();
        let request =
            Request { id: 7, command: CameraCommand::Attach { session: SessionId(0xfeed) } };
        ours.send(&request, &[camera.as_fd()]).await.unwrap();
        drop(camera);
        let (got, fds): (Request<CameraCommand>, _) = theirs.receive().await.unwrap().unwrap();
        assert_eq!(got, request);
        let [camera] = <[OwnedFd; 1]>::try_from(fds).unwrap();
        rustix::io::write(&camera, b"x").unwrap();
        assert_eq!(rustix::io::read(&peer, &mut [0; 8]).unwrap(), 1);
        drop(ours);
        assert!(theirs.receive::<Request<CameraCommand>>().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_is_no_message_is_an_error_and_not_the_end() {
        let (ours, theirs) = control_pair().unwrap();
        let theirs = ControlSocket::new(theirs).unwrap();
        rustix::net::send(&ours, b"{\"id\":", SendFlags::empty()).unwrap();
        let error = theirs.receive::<Request<CameraCommand>>().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        rustix::net::send(&ours, b"[1]", SendFlags::empty()).unwrap();
        assert!(theirs.receive::<Request<CameraCommand>>().await.is_err());
        // Cut off where it may be no longer, it would be one.
        let long = [&br#"{"id":1,"command":"ping"}"#[..], &[b' '; MAX_MESSAGE]].concat();
        rustix::net::send(&ours, &long, SendFlags::empty()).unwrap();
        let error = theirs.receive::<Request<CameraCommand>>().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
