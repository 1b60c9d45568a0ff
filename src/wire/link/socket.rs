// SPDX-License-Identifier: MIT OR Apache-2.0
//! The link's socket, for both ends.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::sockopt::set_socket_send_buffer_size;

use super::frame::{Frame, HEADER_LEN, Header, HeaderError};
use super::memory::{self, MemoryError};
use crate::wire::packet::{self, PacketSocket};

/// Why a link can be used no more.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The other end closed it.
    #[error("the other end closed the link")]
    Closed,
    /// What came is not of the protocol.
    #[error("not of the protocol: {0}")]
    Header(#[from] HeaderError),
    /// What came with a header is not what the header says.
    #[error("not of the protocol: {0}")]
    Memory(#[from] MemoryError),
    /// The socket failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// One end of a link.
#[derive(Debug)]
pub struct LinkSocket(PacketSocket);

/// A pair of connected sockets for one link: first the camera's end, then the peer's.
///
/// # Errors
/// When the system has no descriptors left.
pub fn link_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    packet::pair()
}

impl LinkSocket {
    /// Takes `fd`, of a [`link_pair`], into the runtime of the caller.
    ///
    /// # Errors
    /// When it is no socket, or cannot be polled.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        // The least that the system has, some six frames: what waits beyond is the sender's to drop.
        set_socket_send_buffer_size(&fd, 0)?;
        PacketSocket::new(fd).map(Self)
    }

    /// Sends one frame, as soon as there is room. Cancel-safe: it goes whole or not.
    ///
    /// # Errors
    /// When the other end is gone.
    pub async fn send(&self, frame: &Frame) -> io::Result<()> {
        let memory = frame.memory();
        self.0.send(&frame.header().encode(), memory.as_slice()).await
    }

    /// The next frame's header and payload. Cancel-safe.
    ///
    /// # Errors
    /// When the other end is gone, or what came is not of the protocol; the link is then of no more
    /// use.
    pub async fn next(&self) -> Result<(Header, Vec<u8>), LinkError> {
        let (bytes, fds) = match self.0.receive(HEADER_LEN).await {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(HeaderError::Packet.into());
            }
            received => received?,
        };
        if bytes.is_empty() {
            return Err(LinkError::Closed);
        }
        let header = Header::decode(bytes.try_into().map_err(|_| HeaderError::Packet)?)?;
        let payload = match (header.kind.has_payload(), &fds[..]) {
            (true, [fd]) => memory::read(fd, header.len)?,
            (false, []) => Vec::new(),
            (_, fds) => return Err(HeaderError::Descriptors(fds.len()).into()),
        };
        Ok((header, payload))
    }
}

impl AsFd for LinkSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::super::frame::Kind;
    use super::*;

    fn link() -> (LinkSocket, LinkSocket) {
        let (camera, peer) = link_pair().unwrap();
        (LinkSocket::new(camera).unwrap(), LinkSocket::new(peer).unwrap())
    }

    fn unit(time: u64, payload: &[u8]) -> Frame {
        Frame::new(Kind::AccessUnit { keyframe: true }, time, payload).unwrap()
    }

    #[tokio::test]
    async fn a_frame_goes_over_any_number_of_links() {
        let frame = unit(7, b"unit");
        for (camera, peer) in [link(), link()] {
            camera.send(&frame).await.unwrap();
            let (header, payload) = peer.next().await.unwrap();
            assert_eq!((header.time, &payload[..]), (7, &b"unit"[..]));
            peer.send(&Frame::bare(Kind::Bitrate, 80_000)).await.unwrap();
            assert_eq!(camera.next().await.unwrap().0.time, 80_000);
            drop(camera);
            assert!(matches!(peer.next().await, Err(LinkError::Closed)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_soon_behind_and_gets_all_that_was_sent() {
        let (camera, peer) = link();
        let mut sent = 0;
        while timeout(Duration::from_secs(1), camera.send(&unit(sent, b"unit"))).await.is_ok() {
            sent += 1;
        }
        assert!((1..16).contains(&sent), "{sent} frames wait in the socket");
        for wanted in 0..sent {
            assert_eq!(peer.next().await.unwrap().0.time, wanted);
        }
        camera.send(&unit(sent, b"unit")).await.unwrap();
        assert_eq!(peer.next().await.unwrap().0.time, sent, "the one given up was not sent");
    }

    #[tokio::test]
    async fn what_is_not_of_the_protocol_is_told() {
        let header = unit(0, b"unit").header().encode();
        let memory = unit(0, b"unit");
        let other = unit(0, b"other");
        let wanted = Frame::bare(Kind::KeyframeWanted, 0).header().encode();
        let [fd, more] = [&memory, &other].map(|frame| frame.memory().unwrap());
        for (bytes, fds, said) in [
            (&header[..], &[][..], "0 payloads"),
            (&header, &[fd, fd], "2 payloads"),
            (&header, &[more], "not of 4 bytes"),
            (&header[1..], &[fd], "not a header"),
            (&[header, header].concat(), &[fd], "not a header"),
            (&[0xff; 16], &[fd], "unknown kind"),
            (&wanted, &[fd], "1 payloads"),
        ] {
            let (camera, peer) = link();
            camera.0.send(bytes, fds).await.unwrap();
            let error = peer.next().await.unwrap_err();
            assert!(error.to_string().contains(said), "{error}, not {said}");
        }
    }
}
