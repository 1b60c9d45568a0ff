// SPDX-License-Identifier: MIT OR Apache-2.0
//! What goes over a link, frame by frame.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::memory::Memory;

/// Bytes of a frame's header.
pub const HEADER_LEN: usize = 16;

/// The largest payload: four times an uncompressed-looking 4K keyframe. Beyond it the stream is
/// taken for corrupt, before any memory is reserved for it.
pub const MAX_PAYLOAD: usize = 16 << 20;

const FLAG_KEYFRAME: u8 = 1;

/// What a frame on the link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Camera to peer: the payload is the stream's caps in GStreamer's notation. Comes first.
    Caps,
    /// Camera to peer: the payload is one encoded access unit.
    AccessUnit {
        /// Decoding can begin here; parameter sets are inside.
        keyframe: bool,
    },
    /// Peer to camera: the viewer needs a keyframe. No payload.
    KeyframeWanted,
    /// Peer to camera: the viewer's path takes this many bits per second (in the time field).
    Bitrate,
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it is.
    pub kind: Kind,
    /// Bytes of payload.
    pub len: u32,
    /// `CLOCK_MONOTONIC` in nanoseconds, or the rate of [`Kind::Bitrate`].
    pub time: u64,
}

/// A header that is not of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// No such kind of frame.
    #[error("unknown kind {0:#04x}")]
    Kind(u8),
    /// Flags or padding that this version does not know.
    #[error("unknown flags {0:#04x}")]
    Flags(u8),
    /// Larger than [`MAX_PAYLOAD`], or a payload where there is none.
    #[error("payload of {0} bytes")]
    Len(u32),
    /// More or fewer bytes than a header has.
    #[error("a packet that is not a header")]
    Packet,
    /// Not one memory for a payload, or one where there is none.
    #[error("{0} payloads beside a header")]
    Descriptors(usize),
}

/// A frame, ready to go over any number of links.
#[derive(Debug)]
pub struct Frame {
    header: Header,
    memory: Option<Memory>,
}

impl Frame {
    /// One with a payload, which is copied.
    ///
    /// # Errors
    /// When the payload is larger than [`MAX_PAYLOAD`], or the system has no memory or no descriptors
    /// left.
    pub fn new(kind: Kind, time: u64, payload: &[u8]) -> io::Result<Self> {
        let len = u32::try_from(payload.len()).ok().filter(|len| *len as usize <= MAX_PAYLOAD);
        let len = len.ok_or(io::ErrorKind::FileTooLarge)?;
        let memory = Some(Memory::with(payload)?);
        Ok(Self { header: Header { kind, len, time }, memory })
    }

    /// One without.
    pub fn bare(kind: Kind, time: u64) -> Self {
        Self { header: Header { kind, len: 0, time }, memory: None }
    }

    /// Its header.
    pub fn header(&self) -> Header {
        self.header
    }

    pub(super) fn memory(&self) -> Option<BorrowedFd<'_>> {
        self.memory.as_ref().map(AsFd::as_fd)
    }
}

impl Kind {
    /// Whether a payload comes with it.
    pub(super) fn has_payload(self) -> bool {
        match self {
            Self::Caps | Self::AccessUnit { .. } => true,
            Self::KeyframeWanted | Self::Bitrate => false,
        }
    }
}

impl Header {
    /// The header's bytes.
    pub fn encode(self) -> [u8; HEADER_LEN] {
        let (kind, flags) = match self.kind {
            Kind::Caps => (1, 0),
            Kind::AccessUnit { keyframe } => (2, if keyframe { FLAG_KEYFRAME } else { 0 }),
            Kind::KeyframeWanted => (3, 0),
            Kind::Bitrate => (4, 0),
        };
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = kind;
        bytes[1] = flags;
        bytes[4..8].copy_from_slice(&self.len.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.time.to_le_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// When the bytes are not a header of this protocol; the link is then of no more use.
    pub fn decode(bytes: [u8; HEADER_LEN]) -> Result<Self, HeaderError> {
        let [kind, flags, pad0, pad1, l0, l1, l2, l3, time @ ..] = bytes;
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        let kind = match (kind, flags) {
            (1, 0) => Kind::Caps,
            (2, 0) => Kind::AccessUnit { keyframe: false },
            (2, FLAG_KEYFRAME) => Kind::AccessUnit { keyframe: true },
            (3, 0) => Kind::KeyframeWanted,
            (4, 0) => Kind::Bitrate,
            (1..=4, flags) => return Err(HeaderError::Flags(flags)),
            (kind, _) => return Err(HeaderError::Kind(kind)),
        };
        if pad0 != 0 || pad1 != 0 {
            return Err(HeaderError::Flags(pad0 | pad1));
        }
        if len as usize > MAX_PAYLOAD || (!kind.has_payload() && len != 0) {
            return Err(HeaderError::Len(len));
        }
        Ok(Self { kind, len, time: u64::from_le_bytes(time) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_header_or_an_error(bytes: [u8; HEADER_LEN]) {
            if let Ok(header) = Header::decode(bytes) {
                prop_assert_eq!(header.encode(), bytes);
                prop_assert!(header.len as usize <= MAX_PAYLOAD);
            }
        }

        #[test]
        fn what_is_written_is_read(keyframe: bool, len in 0..=MAX_PAYLOAD as u32, time: u64) {
            let header = Header { kind: Kind::AccessUnit { keyframe }, len, time };
            prop_assert_eq!(Header::decode(header.encode()), Ok(header));
        }
    }
}
