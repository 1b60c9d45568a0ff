// SPDX-License-Identifier: MIT OR Apache-2.0
//! A payload in a memory of its own (memfd), sealed: whoever has its descriptor reads it, and nobody
//! changes it any more. The kernel keeps it until its last descriptor is closed, be it by the end of
//! a worker or in a packet that nobody will read.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::buffer::spare_capacity;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, memfd_create};
use rustix::io::{Errno, pread, retry_on_intr};

/// With these, what is read is what was written; and only such a memory has any, so that reading
/// neither waits nor fails half way.
const SEALS: SealFlags =
    SealFlags::WRITE.union(SealFlags::GROW).union(SealFlags::SHRINK).union(SealFlags::SEAL);

/// A descriptor that is not a payload.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// It could still be written, or is no memory at all.
    #[error("a payload that is not in sealed memory")]
    NotSealed,
    /// Longer or shorter than its header says.
    #[error("a payload that is not of {0} bytes")]
    Len(u32),
    /// The system could not read it.
    #[error("the payload: {0}")]
    Io(#[from] io::Error),
}

/// A sealed memory.
#[derive(Debug)]
pub(super) struct Memory(OwnedFd);

impl Memory {
    /// A new one with these bytes.
    ///
    /// # Errors
    /// When the system has no memory or no descriptors left.
    pub(super) fn with(bytes: &[u8]) -> io::Result<Self> {
        let mut file = File::from(memfd_create(c"access-unit", flags())?);
        file.write_all(bytes)?;
        fcntl_add_seals(&file, SEALS)?;
        Ok(Self(file.into()))
    }
}

impl AsFd for Memory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The bytes of the memory `fd`: the one copy of them that a viewer costs. Not mapped instead: that
/// costs more than the copy of a usual access unit (`make bench-copies`).
///
/// # Errors
/// When it is not a sealed memory of `len` bytes.
pub(super) fn read(fd: &OwnedFd, len: u32) -> Result<Vec<u8>, MemoryError> {
    let sealed = fcntl_get_seals(fd).is_ok_and(|seals| seals.contains(SEALS));
    if !sealed {
        return Err(MemoryError::NotSealed);
    }
    let size = rustix::fs::fstat(fd).map_err(io::Error::from)?.st_size;
    if u64::try_from(size) != Ok(len.into()) {
        return Err(MemoryError::Len(len));
    }
    let mut bytes = Vec::with_capacity(len as usize);
    while bytes.len() < len as usize {
        // The offset is said each time: the descriptor's own is shared by all who read.
        let at = bytes.len() as u64;
        let got = retry_on_intr(|| pread(fd, spare_capacity(&mut bytes), at));
        if got.map_err(io::Error::from)? == 0 {
            return Err(MemoryError::Len(len));
        }
    }
    Ok(bytes)
}

/// Linux wants to be told since 6.3 that a memory is not to be executed, and may be configured to
/// insist on it; before, it does not know the flag.
fn flags() -> MemfdFlags {
    static FLAGS: OnceLock<MemfdFlags> = OnceLock::new();
    *FLAGS.get_or_init(|| {
        let old = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let new = old | MemfdFlags::NOEXEC_SEAL;
        match memfd_create(c"probe", new) {
            Err(Errno::INVAL) => old,
            _ => new,
        }
    })
}

#[cfg(test)]
mod tests {
    use rustix::fs::ftruncate;
    use rustix::io::pwrite;

    use super::*;

    #[test]
    fn what_is_written_is_read_by_each_and_changed_by_none() {
        for bytes in [vec![], b"unit".to_vec(), (0..=u8::MAX).cycle().take(1 << 20).collect()] {
            let memory = Memory::with(&bytes).unwrap();
            let len = u32::try_from(bytes.len()).unwrap();
            for _ in 0..2 {
                assert_eq!(read(&memory.0, len).unwrap(), bytes);
            }
            assert_eq!(pwrite(&memory, b"x", 0), Err(Errno::PERM));
            assert_eq!(ftruncate(&memory, u64::from(len) + 1), Err(Errno::PERM));
            assert_eq!(fcntl_add_seals(&memory, SealFlags::empty()), Err(Errno::PERM));
        }
    }

    #[test]
    fn what_is_no_payload_is_told_and_not_waited_for() {
        let memory = Memory::with(b"unit").unwrap();
        for len in [0, 3, 5, u32::MAX] {
            assert!(matches!(read(&memory.0, len), Err(MemoryError::Len(_))), "{len}");
        }
        let (pipe, _writer) = io::pipe().unwrap();
        let unsealed = memfd_create(c"unsealed", MemfdFlags::ALLOW_SEALING).unwrap();
        let file = File::open("/proc/self/exe").unwrap().into();
        for fd in [pipe.into(), unsealed, file] {
            assert!(matches!(read(&fd, 0), Err(MemoryError::NotSealed)), "{fd:?}");
        }
    }
}
