// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two questions to a V4L2 driver: does this node capture video, and does somebody own its buffer
//! queue? Nothing is configured and nothing streams, so no indicator lights.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::ioctl::{Getter, Opcode, Updater, ioctl, opcode};

use super::node::open_fault;
use crate::lifecycle::{Fault, FaultCode};

/// `struct v4l2_capability` of `linux/videodev2.h`.
#[repr(C)]
struct Capability {
    driver: [u8; 16],
    card: [u8; 32],
    bus_info: [u8; 32],
    version: u32,
    capabilities: u32,
    device_caps: u32,
    reserved: [u32; 3],
}

/// `struct v4l2_requestbuffers`.
#[repr(C)]
struct RequestBuffers {
    count: u32,
    kind: u32,
    memory: u32,
    capabilities: u32,
    flags: u8,
    reserved: [u8; 3],
}

const VIDIOC_QUERYCAP: Opcode = opcode::read::<Capability>(b'V', 0);
const VIDIOC_REQBUFS: Opcode = opcode::read_write::<RequestBuffers>(b'V', 8);

const CAP_VIDEO_CAPTURE: u32 = 0x0000_0001;
const CAP_VIDEO_CAPTURE_MPLANE: u32 = 0x0000_1000;
const CAP_DEVICE_CAPS: u32 = 0x8000_0000;
const BUF_TYPE_VIDEO_CAPTURE: u32 = 1;
const BUF_TYPE_VIDEO_CAPTURE_MPLANE: u32 = 9;
const MEMORY_MMAP: u32 = 1;

/// Opens the node for a moment and asks. Blocking: a driver may take its time to power up.
///
/// # Errors
/// `camera-busy` when somebody owns the queue, `not-a-camera`, `camera-missing`,
/// `camera-forbidden`.
pub fn probe(path: &Path) -> Result<(), Fault> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let node = open(path, flags, Mode::empty())
        .map_err(|errno| open_fault(path, &io::Error::from(errno)))?;
    let kind = capture_kind(&node).ok_or_else(|| {
        let detail = format!("{} does not capture video", path.display());
        Fault::new(FaultCode::NotACamera, detail)
    })?;
    match release_no_buffers(&node, kind) {
        Err(Errno::BUSY) => Err(Fault::new(
            FaultCode::CameraBusy,
            format!("{}: its buffers belong to another descriptor", path.display()),
        )),
        Err(Errno::NODEV) => Err(open_fault(path, &io::Error::from(Errno::NODEV))),
        // A driver without buffer queues (read and write only) has no owner to be busy with.
        _ => Ok(()),
    }
}

fn capture_kind(node: impl AsFd) -> Option<u32> {
    // SAFETY: VIDIOC_QUERYCAP writes one v4l2_capability, whose layout Capability has; on a
    // device of another kind the request is unknown and nothing is written.
    let capability: Capability =
        unsafe { ioctl(node, Getter::<VIDIOC_QUERYCAP, Capability>::new()) }.ok()?;
    let caps = if capability.capabilities & CAP_DEVICE_CAPS != 0 {
        capability.device_caps
    } else {
        capability.capabilities
    };
    match caps {
        caps if caps & CAP_VIDEO_CAPTURE != 0 => Some(BUF_TYPE_VIDEO_CAPTURE),
        caps if caps & CAP_VIDEO_CAPTURE_MPLANE != 0 => Some(BUF_TYPE_VIDEO_CAPTURE_MPLANE),
        _ => None,
    }
}

/// Gives back no buffers, which only the queue's owner may; without one it changes nothing.
fn release_no_buffers(node: impl AsFd, kind: u32) -> Result<(), Errno> {
    let mut request = RequestBuffers {
        count: 0,
        kind,
        memory: MEMORY_MMAP,
        capabilities: 0,
        flags: 0,
        reserved: [0; 3],
    };
    // SAFETY: VIDIOC_REQBUFS reads and writes one v4l2_requestbuffers, whose layout
    // RequestBuffers has, for as long as `request` is borrowed.
    unsafe { ioctl(node, Updater::<VIDIOC_REQBUFS, RequestBuffers>::new(&mut request)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of `linux/videodev2.h`; a wrong layout would change them.
    #[test]
    fn the_requests_have_the_numbers_of_the_kernel_header() {
        assert_eq!(VIDIOC_QUERYCAP, 0x8068_5600);
        assert_eq!(VIDIOC_REQBUFS, 0xc014_5608);
    }

    #[test]
    fn a_node_that_is_no_camera_is_refused() {
        let fault = probe(Path::new("/dev/null")).unwrap_err();
        assert_eq!(fault.code, FaultCode::NotACamera, "{fault}");
        let fault = probe(Path::new("/dev/video-that-is-not-there")).unwrap_err();
        assert_eq!(fault.code, FaultCode::CameraMissing, "{fault}");
    }
}
