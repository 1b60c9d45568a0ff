// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory: small pages. Where the kernel gives huge ones to whoever does not ask ("always", as
//! Debian and arm64's own configuration have it), each thread's stack and each thread's heap becomes
//! 2 MiB at its first touch; a peer worker has some sixteen threads, and needs a tenth of that.

use rustix::thread::disable_transparent_huge_pages;

/// No huge pages from now on, for this process and the workers that it starts: they inherit it. To
/// be called before threads are started.
pub fn use_small_pages() {
    if let Err(error) = disable_transparent_huge_pages(true) {
        // A kernel without huge pages gives none.
        tracing::debug!(%error, "huge pages");
    }
}
