// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames of a link on its stream socket, for both ends.

use std::io;
use std::os::fd::OwnedFd;

use shutterd::wire::link::{HEADER_LEN, Header, HeaderError, Kind, MAX_PAYLOAD};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Why a link can be read no more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The other end closed it between two frames.
    #[error("the other end closed the link")]
    Closed,
    /// What came is not of the protocol.
    #[error("not of the protocol: {0}")]
    Invalid(#[from] HeaderError),
    /// The socket failed, or ended inside a frame.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The reading half of a link.
#[derive(Debug)]
pub(crate) struct LinkReader(OwnedReadHalf);

/// Takes a link's socket into the runtime.
///
/// # Errors
/// When it cannot be polled.
pub(crate) fn open(fd: OwnedFd) -> io::Result<(LinkReader, OwnedWriteHalf)> {
    let socket = std::os::unix::net::UnixStream::from(fd);
    socket.set_nonblocking(true)?;
    let (reader, writer) = UnixStream::from_std(socket)?.into_split();
    Ok((LinkReader(reader), writer))
}

impl LinkReader {
    /// The next frame. Not cancel-safe: a frame half read is lost with the link's order.
    pub(crate) async fn next(&mut self) -> Result<(Header, Vec<u8>), LinkError> {
        let mut bytes = [0; HEADER_LEN];
        let first = self.0.read(&mut bytes).await?;
        if first == 0 {
            return Err(LinkError::Closed);
        }
        self.0.read_exact(&mut bytes[first..]).await?;
        let header = Header::decode(bytes)?;
        let mut payload = vec![0; header.len as usize];
        self.0.read_exact(&mut payload).await?;
        Ok((header, payload))
    }
}

/// A whole frame as bytes, or `None` when the payload is larger than the protocol allows.
pub(crate) fn frame(kind: Kind, time: u64, payload: &[u8]) -> Option<Vec<u8>> {
    let len = u32::try_from(payload.len()).ok().filter(|len| *len as usize <= MAX_PAYLOAD)?;
    let mut bytes = Vec::with_capacity(HEADER_LEN + payload.len());
    bytes.extend_from_slice(&Header { kind, len, time }.encode());
    bytes.extend_from_slice(payload);
    Some(bytes)
}
