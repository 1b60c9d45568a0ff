// SPDX-License-Identifier: MIT OR Apache-2.0
//! A device node, known by its number: names and links may change under it.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, statx};

use crate::lifecycle::{Fault, FaultCode};

/// The number of a character device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceNumber {
    /// Which driver.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

/// A camera's node as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The name it was found by.
    pub path: PathBuf,
    /// What is behind it.
    pub number: DeviceNumber,
}

impl Node {
    /// Looks `path` up, following links.
    ///
    /// # Errors
    /// `camera-missing`, `camera-forbidden`, `not-a-camera` (no character device).
    pub fn find(path: &Path) -> Result<Self, Fault> {
        match device_number(path) {
            Ok(Some(number)) => Ok(Self { path: path.to_owned(), number }),
            Ok(None) => Err(Fault::new(
                FaultCode::NotACamera,
                format!("{} is not a device node", path.display()),
            )),
            Err(error) => Err(open_fault(path, &error)),
        }
    }
}

/// The number of the character device at `path`; `None` when it is something else. Asks no file
/// server for fresh attributes, so that a stale network mount cannot block it.
pub(super) fn device_number(path: &Path) -> io::Result<Option<DeviceNumber>> {
    let stat = statx(CWD, path, AtFlags::STATX_DONT_SYNC, StatxFlags::TYPE)?;
    let character = FileType::from_raw_mode(stat.stx_mode.into()) == FileType::CharacterDevice;
    Ok(character.then_some(DeviceNumber { major: stat.stx_rdev_major, minor: stat.stx_rdev_minor }))
}

/// The fault behind an error of looking at, or opening, a camera's node.
pub(super) fn open_fault(path: &Path, error: &io::Error) -> Fault {
    use rustix::io::Errno;
    let code = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::BUSY) => FaultCode::CameraBusy,
        Some(Errno::ACCESS | Errno::PERM) => FaultCode::CameraForbidden,
        _ => FaultCode::CameraMissing,
    };
    Fault::new(code, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_known_by_its_number() {
        let null = Node::find(Path::new("/dev/null")).unwrap();
        assert_eq!(null.number, DeviceNumber { major: 1, minor: 3 });
    }

    #[test]
    fn what_is_no_node_is_refused_with_the_reason() {
        let code = |path: &str| Node::find(Path::new(path)).unwrap_err().code;
        assert_eq!(code("/dev/video-that-is-not-there"), FaultCode::CameraMissing);
        assert_eq!(code("/etc/hostname"), FaultCode::NotACamera);
        assert_eq!(code("/"), FaultCode::NotACamera);
    }
}
