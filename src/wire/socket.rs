// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control socket between the daemon and one worker: one JSON message to a packet, descriptors
//! beside it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Serialize, de::DeserializeOwned};

use super::packet::{self, Packet, PacketSocket};

/// The largest message. A session description is at most half of it (`sdp::MAX_LEN`).
pub const MAX_MESSAGE: usize = 160 << 10;

/// One end of a control socket.
#[derive(Debug)]
pub struct ControlSocket(PacketSocket);

/// A pair of connected control sockets: the first for this process, the second to give away.
///
/// # Errors
/// When the system has no descriptors left.
pub fn control_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    packet::pair()
}

impl ControlSocket {
    /// Takes `fd`, of a [`control_pair`], into the runtime of the caller.
    ///
    /// # Errors
    /// When the descriptor cannot be polled.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        PacketSocket::new(fd).map(Self)
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
        self.0.send(&bytes, fds).await
    }

    /// Receives one message and the descriptors beside it; `None` when the other end is gone.
    /// Cancel-safe.
    ///
    /// # Errors
    /// When what came is not such a message: the ends are of different versions.
    pub async fn receive<M: DeserializeOwned>(&self) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
        read(self.0.receive(MAX_MESSAGE).await?)
    }

    /// What [`ControlSocket::receive`] would give, if it is there already: for the last words of
    /// a process that has ended.
    ///
    /// # Errors
    /// As `receive`, and `WouldBlock` when nothing is there.
    pub fn try_receive<M: DeserializeOwned>(&self) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
        read(self.0.try_receive(MAX_MESSAGE)?)
    }
}

fn read<M: DeserializeOwned>((bytes, fds): Packet) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
    if bytes.is_empty() { Ok(None) } else { Ok(Some((serde_json::from_slice(&bytes)?, fds))) }
}

impl AsFd for ControlSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::SendFlags;

    use super::*;
    use crate::wire::link::link_pair;
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
        rustix::net::send(&camera, b"x", SendFlags::empty()).unwrap();
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
