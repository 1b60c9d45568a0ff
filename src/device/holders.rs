// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who has a device open: every descriptor of every process, by device number.

use std::fs;
use std::path::Path;

use super::node::{DeviceNumber, device_number};

/// A process that has the device open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its command, as the kernel names it (at most 15 characters).
    pub command: String,
}

/// What a look at `/proc` found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// The processes that have the device open.
    pub seen: Vec<Holder>,
    /// Processes of other users whose descriptors this user may not see. Of those only the busy
    /// probe can tell.
    pub hidden: usize,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (pid {})", self.command, self.pid)
    }
}

/// Looks through `proc` (`/proc`, or a test's own tree). Blocking; takes milliseconds.
///
/// A process that ends while it is being looked at holds nothing any more and is left out.
pub fn holders(proc: &Path, device: DeviceNumber) -> std::io::Result<Holders> {
    let mut found = Holders::default();
    for entry in fs::read_dir(proc)?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        match fs::read_dir(entry.path().join("fd")) {
            Ok(descriptors) => {
                if descriptors.flatten().any(|fd| is_device(&fd.path(), device)) {
                    let command = fs::read_to_string(entry.path().join("comm"));
                    let command = command.unwrap_or_default().trim_end().to_owned();
                    found.seen.push(Holder { pid, command });
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                found.hidden += 1;
            }
            Err(_) => {}
        }
    }
    found.seen.sort_by_key(|holder| holder.pid);
    Ok(found)
}

fn is_device(descriptor: &Path, device: DeviceNumber) -> bool {
    // Most descriptors are sockets, pipes and files of the kernel: the link's text tells, without
    // a look behind it.
    let candidate = fs::read_link(descriptor).is_ok_and(|target| target.is_absolute());
    candidate && device_number(descriptor).is_ok_and(|number| number == Some(device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const NULL: DeviceNumber = DeviceNumber { major: 1, minor: 3 };

    #[test]
    fn the_holder_of_a_node_is_found_among_all_processes() {
        // A terminal of our own: a character device that nobody else holds.
        let controller = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).unwrap();
        rustix::pty::unlockpt(&controller).unwrap();
        let name = rustix::pty::ptsname(&controller, Vec::new()).unwrap();
        let path = Path::new(name.to_str().unwrap()).to_owned();
        let number = device_number(&path).unwrap().unwrap();
        let proc = Path::new("/proc");

        assert_eq!(holders(proc, number).unwrap().seen, []);
        let held = fs::File::open(&path).unwrap();
        let seen = holders(proc, number).unwrap().seen;
        assert_eq!(seen.iter().map(|h| h.pid).collect::<Vec<_>>(), [std::process::id()]);
        assert!(!seen[0].command.is_empty());
        drop(held);
        assert_eq!(holders(proc, number).unwrap().seen, []);
    }

    #[test]
    fn a_tree_of_our_own_is_read_the_same_way() {
        let tree = tempfile::tempdir().unwrap();
        for (pid, target) in [("10", "/dev/null"), ("11", "/etc/passwd"), ("12", "socket:[1]")] {
            let process = tree.path().join(pid);
            fs::create_dir_all(process.join("fd")).unwrap();
            fs::write(process.join("comm"), format!("command-{pid}\n")).unwrap();
            symlink(target, process.join("fd/3")).unwrap();
        }
        fs::create_dir_all(tree.path().join("self/fd")).unwrap();
        fs::create_dir_all(tree.path().join("13")).unwrap(); // ended meanwhile: no fd folder
        let found = holders(tree.path(), NULL).unwrap();
        assert_eq!(found.seen, [Holder { pid: 10, command: "command-10".into() }]);
        assert_eq!(found.hidden, 0);
    }
}
