// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptors that whoever started us left open by accident. Workers would inherit them in turn,
//! and a worker inherits only what it is given.

/// Closes every descriptor but the standard three. Call before anything else is opened.
pub fn close() {
    let Ok(listing) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> = listing
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    for fd in open {
        // One of them was the listing's own, and is closed already.
        let _ = nix::unistd::close(fd);
    }
}
