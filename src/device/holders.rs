// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who has a device open: every descriptor of every process, by device number.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::node::{DeviceNumber, device_number};
use super::process::{Kin, Process};

/// A process that has the device open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its command, as the kernel names it (at most 15 characters).
    pub command: String,
    /// Whose it is.
    pub kin: Kin,
}

/// What a look at `/proc` found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// The processes that have the device open.
    pub seen: Vec<Holder>,
    /// Those that have only a sibling of it open: another node of the same camera.
    pub beside: Vec<Holder>,
    /// What could not be seen.
    pub hidden: Hidden,
}

/// Of what is hidden from this user only the busy probe can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hidden {
    /// Processes whose descriptors this user may not read.
    pub processes: usize,
    /// Whether there may be processes that are not even listed: `/proc` is mounted with `hidepid`,
    /// or it is that of a container.
    pub unlisted: bool,
}

impl Hidden {
    /// Whether everything could be seen.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

impl std::fmt::Display for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.processes, self.unlisted) {
            (0, false) => f.write_str("nothing is hidden"),
            (0, true) => f.write_str("processes are not listed"),
            (n, unlisted) => {
                let more = if unlisted { ", and others are not listed" } else { "" };
                write!(f, "the descriptors of {n} processes are hidden{more}")
            }
        }
    }
}

impl Holder {
    /// Whether it is a worker of this service, of this run or of an earlier one.
    pub fn is_worker(&self) -> bool {
        self.command == "shutter-media"
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Holder { pid, command, kin } = self;
        match kin {
            Kin::OwnWorker => write!(f, "our own worker {pid} ({command})"),
            Kin::EarlierWorker => write!(f, "a worker of an earlier run, {command} (pid {pid})"),
            Kin::Stranger => write!(f, "{command} (pid {pid})"),
        }
    }
}

/// Looks through `proc` (`/proc`, or a test's own tree) for `device` and its `siblings`. Blocking;
/// takes milliseconds. This process is left out: it has a node open only while it probes it.
///
/// A process that ends while it is being looked at holds nothing any more and is left out too.
///
/// # Errors
/// When the look cannot be finished (this process may be out of descriptors): what it would have
/// found is not known.
pub fn holders(
    proc: &Path,
    device: DeviceNumber,
    siblings: &[DeviceNumber],
) -> std::io::Result<Holders> {
    let us = std::process::id();
    let mut found = Holders { hidden: unlisted(proc), ..Holders::default() };
    for entry in fs::read_dir(proc)? {
        let name = entry?.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok()).filter(|pid| *pid != us);
        let Some(pid) = pid else { continue };
        let process = Process::new(proc, pid);
        let open = match devices(&process) {
            Ok(open) => open,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                found.hidden.processes += usize::from(!process.is_of_the_kernel());
                continue;
            }
            Err(error) => return Err(error),
        };
        let list = if open.contains(&device) {
            &mut found.seen
        } else if siblings.iter().any(|sibling| open.contains(sibling)) {
            &mut found.beside
        } else {
            continue;
        };
        list.push(Holder { pid, command: process.command(), kin: process.kin(us) });
    }
    found.seen.sort_by_key(|holder| holder.pid);
    found.beside.sort_by_key(|holder| holder.pid);
    Ok(found)
}

/// The devices that a process has open.
fn devices(process: &Process<'_>) -> std::io::Result<Vec<DeviceNumber>> {
    let mut open = Vec::new();
    for thread in process.threads() {
        match devices_of(&thread) {
            Err(error) if has_ended(&error) => {}
            devices => open.extend(devices?),
        }
    }
    Ok(open)
}

fn devices_of(thread: &Path) -> std::io::Result<Vec<DeviceNumber>> {
    let mut open = Vec::new();
    for descriptor in fs::read_dir(thread.join("fd"))? {
        let descriptor = descriptor?.path();
        // Most descriptors are sockets, pipes and files of the kernel: the link's text tells,
        // without a look behind it.
        match fs::read_link(&descriptor) {
            Ok(target) if target.is_absolute() => {}
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(error),
            _ => continue,
        }
        match device_number(&descriptor) {
            Ok(number) => open.extend(number),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(error),
            // Closed meanwhile, or a file whose server is gone: no device.
            Err(_) => {}
        }
    }
    Ok(open)
}

fn has_ended(error: &Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(code, Some(Errno::NOENT | Errno::SRCH))
}

/// Whether `/proc` lists every process of the system: the first one is always there, and the
/// kernel numbers the system's own PID namespace as `PROC_PID_INIT_INO`.
fn unlisted(proc: &Path) -> Hidden {
    const WHOLE_SYSTEM: &str = "pid:[4026531836]";
    let namespace = fs::read_link(proc.join("self/ns/pid"));
    let whole = namespace.is_ok_and(|namespace| namespace == Path::new(WHOLE_SYSTEM));
    Hidden { unlisted: !whole || !proc.join("1").exists(), ..Hidden::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fake::Fake;

    const NULL: DeviceNumber = DeviceNumber { major: 1, minor: 3 };
    const ZERO: DeviceNumber = DeviceNumber { major: 1, minor: 5 };

    fn look(fake: &Fake) -> Holders {
        holders(&fake.roots().proc, NULL, &[ZERO]).unwrap()
    }

    fn pids(holders: &[Holder]) -> Vec<u32> {
        holders.iter().map(|holder| holder.pid).collect()
    }

    #[test]
    fn a_child_that_holds_a_node_is_found_among_all_processes() {
        // A terminal of our own: a character device that nobody else holds.
        let controller = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).unwrap();
        rustix::pty::unlockpt(&controller).unwrap();
        let name = rustix::pty::ptsname(&controller, Vec::new()).unwrap();
        let path = Path::new(name.to_str().unwrap()).to_owned();
        let number = device_number(&path).unwrap().unwrap();
        let look = || holders(Path::new("/proc"), number, &[]).unwrap().seen;

        assert_eq!(look(), []);
        let held = fs::File::open(&path).unwrap();
        assert_eq!(look(), [], "this process only probes");
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .stdout(held)
            .spawn()
            .unwrap();
        let expected = Holder { pid: child.id(), command: "cat".into(), kin: Kin::OwnWorker };
        assert_eq!(look(), [expected]);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(look(), []);
    }

    #[test]
    fn only_descriptors_of_the_device_count() {
        let fake = Fake::new();
        for (pid, target) in
            [(10, "/dev/null"), (11, "/etc/passwd"), (12, "socket:[1]"), (13, "/dev/zero")]
        {
            fake.process(pid, 1, &format!("command-{pid}"), "/bin/x");
            fake.descriptor(pid, 3, target);
        }
        fake.descriptor(10, 4, "/dev/zero");
        fs::create_dir_all(fake.path("proc/sys/fd")).unwrap();
        let found = look(&fake);
        let command = "command-10".into();
        assert_eq!(found.seen, [Holder { pid: 10, command, kin: Kin::Stranger }]);
        assert_eq!(pids(&found.beside), [13]);
        assert!(found.hidden.is_nothing(), "{found:?}");
    }

    #[test]
    fn what_ends_while_it_is_looked_at_holds_nothing() {
        let fake = Fake::new();
        fs::create_dir_all(fake.path("proc/20")).unwrap(); // no descriptors any more
        fake.process(21, 1, "a", "/bin/a");
        fake.descriptor(21, 3, "/dev/video-that-is-gone");
        // Held, and ended before its name could be read.
        fs::create_dir_all(fake.path("proc/22/fd")).unwrap();
        fake.descriptor(22, 3, "/dev/null");
        let found = look(&fake);
        assert_eq!(found.seen, [Holder { pid: 22, command: "".into(), kin: Kin::Stranger }]);
        assert!(found.hidden.is_nothing());
    }

    #[test]
    fn a_process_whose_first_thread_has_ended_holds_what_its_others_have() {
        let fake = Fake::new();
        fake.headless(25, 26, "shutter-media", "/usr/libexec/shutter-media");
        assert_eq!(look(&fake).seen, []);
        fake.link("proc/25/task/26/fd/3", "/dev/null");
        // What is left of the first thread belongs to root.
        fake.mode("proc/25/fd", 0o000);
        fake.mode("proc/25/task/25/fd", 0o000);
        let found = fake.unprivileged(|| look(&fake));
        for ended in ["proc/25/fd", "proc/25/task/25/fd"] {
            fake.mode(ended, 0o755); // so that it can be removed
        }
        let (command, kin) = ("shutter-media".into(), Kin::EarlierWorker);
        assert_eq!(found.seen, [Holder { pid: 25, command, kin }]);
        assert!(found.hidden.is_nothing(), "{found:?}");
    }

    #[test]
    fn descriptors_that_are_none_are_passed_over() {
        let fake = Fake::new();
        fake.process(30, 1, "a", "/bin/a");
        fake.write("proc/30/fd/garbage", "not a link");
        fs::create_dir_all(fake.path("proc/30/fd/7")).unwrap();
        fake.link("proc/30/fd/8", "8"); // to itself
        fake.descriptor(30, 9, "/dev/null");
        assert_eq!(pids(&look(&fake).seen), [30]);
    }

    #[test]
    fn what_may_not_be_read_is_counted_as_hidden() {
        let fake = Fake::new();
        fake.process(40, 1, "seen", "/bin/a");
        fake.descriptor(40, 3, "/dev/null");
        fake.process(41, 1, "hidden", "/bin/a");
        fake.descriptor(41, 3, "/dev/null");
        fake.mode("proc/41/fd", 0o000);
        // A thread of the kernel, whose descriptors nobody may read and which has none.
        fake.write("proc/42/stat", "42 (kworker) S 2 0 0 0 -1 69238880 0 0\n");
        fs::create_dir_all(fake.path("proc/42/fd")).unwrap();
        fake.mode("proc/42/fd", 0o000);
        let found = fake.unprivileged(|| look(&fake));
        for pid in [41, 42] {
            fake.mode(&format!("proc/{pid}/fd"), 0o755); // so that it can be removed
        }
        assert_eq!(pids(&found.seen), [40]);
        assert_eq!(found.hidden, Hidden { processes: 1, unlisted: false });
    }

    #[test]
    fn a_list_that_is_not_whole_is_noticed() {
        let fake = Fake::new();
        assert!(!look(&fake).hidden.unlisted);
        fs::remove_dir_all(fake.path("proc/1")).unwrap();
        assert!(look(&fake).hidden.unlisted, "hidepid hides the first process");
        fake.process(1, 0, "init", "/sbin/init");
        fake.link("proc/self/ns/pid", "pid:[4026532198]");
        assert!(look(&fake).hidden.unlisted, "a container's");
        fs::remove_file(fake.path("proc/self/ns/pid")).unwrap();
        assert!(look(&fake).hidden.unlisted, "whatever it is");
    }

    #[test]
    fn a_look_that_cannot_be_finished_is_no_look() {
        let fake = Fake::new();
        fake.write("proc/50/fd", "not a directory");
        assert!(holders(&fake.roots().proc, NULL, &[]).is_err());
        assert!(holders(&fake.path("nowhere"), NULL, &[]).is_err());
    }

    #[test]
    fn one_among_thousands_is_found() {
        let fake = Fake::new();
        for pid in 1000..3000 {
            fs::create_dir_all(fake.path(&format!("proc/{pid}/fd"))).unwrap();
        }
        fake.descriptor(2345, 1, "/dev/null");
        assert_eq!(pids(&look(&fake).seen), [2345]);
    }

    #[test]
    fn holders_are_named_with_what_they_are() {
        let holder = |kin| Holder { pid: 7, command: "shutter-media".into(), kin }.to_string();
        assert_eq!(holder(Kin::OwnWorker), "our own worker 7 (shutter-media)");
        let earlier = "a worker of an earlier run, shutter-media (pid 7)";
        assert_eq!(holder(Kin::EarlierWorker), earlier);
        assert_eq!(holder(Kin::Stranger), "shutter-media (pid 7)");
    }
}
