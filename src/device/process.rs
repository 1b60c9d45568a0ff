// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process as `/proc` has it: its command, its parents, and whether it is one of ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::roots::{entries, name};

/// The workers' program, and those that start workers: the daemon, and `pipelines check --run`.
const WORKER: &str = "shutter-media";
const STARTERS: [&str; 2] = ["shutterd", "shutterctl"];

/// A flag of `linux/sched.h`: a thread of the kernel, which has no descriptors.
const PF_KTHREAD: u32 = 0x0020_0000;

/// So many parents are looked at; a tree that goes round in circles is no tree.
const MOST_PARENTS: usize = 64;

/// Whose a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kin {
    /// A child of this service, or a child's child.
    OwnWorker,
    /// A worker whose service, or whoever else started it, is gone.
    EarlierWorker,
    /// Anybody else's, a worker of another running service included.
    Stranger,
}

/// One process, which may end while it is being looked at.
#[derive(Debug)]
pub(super) struct Process<'a> {
    proc: &'a Path,
    directory: PathBuf,
}

impl<'a> Process<'a> {
    pub(super) fn new(proc: &'a Path, pid: u32) -> Self {
        Self { proc, directory: proc.join(pid.to_string()) }
    }

    /// Where the threads that live are to be looked at. `/proc` shows a process as its first thread
    /// has it: when that one has ended and others have not, their descriptors, which it had too, are
    /// shown with them alone. So it is with a worker that was killed while one thread of it sleeps
    /// in a driver.
    pub(super) fn threads(&self) -> Vec<PathBuf> {
        if self.state() != Some('Z') {
            return vec![self.directory.clone()];
        }
        let is_first = |thread: &PathBuf| thread.file_name() == self.directory.file_name();
        entries(&self.directory.join("task")).filter(|thread| !is_first(thread)).collect()
    }

    /// Its command as the kernel names it, at most 15 characters; what would spoil a line of the
    /// log is replaced, for a process may choose its name.
    pub(super) fn command(&self) -> String {
        let bytes = fs::read(self.directory.join("comm")).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        text.trim_end_matches('\n').chars().map(printable).collect()
    }

    pub(super) fn is_of_the_kernel(&self) -> bool {
        self.stat(6).is_some_and(|flags: u32| flags & PF_KTHREAD != 0)
    }

    /// Whose it is, seen from the process `us`.
    pub(super) fn kin(&self, us: u32) -> Kin {
        let parents = self.parents();
        if parents.contains(&us) {
            return Kin::OwnWorker;
        }
        let program = |pid: &u32| Process::new(self.proc, *pid).program();
        let starter = parents.first().and_then(program).unwrap_or_default();
        let is_worker = self.program().as_deref() == Some(WORKER);
        if is_worker && !STARTERS.contains(&starter.as_str()) {
            return Kin::EarlierWorker;
        }
        Kin::Stranger
    }

    /// From the nearest to the first process.
    fn parents(&self) -> Vec<u32> {
        let above = |pid: u32| Process::new(self.proc, pid).parent();
        std::iter::successors(self.parent(), |pid| above(*pid)).take(MOST_PARENTS).collect()
    }

    fn parent(&self) -> Option<u32> {
        self.stat(1).filter(|pid| *pid != 0)
    }

    /// Of the first thread.
    fn state(&self) -> Option<char> {
        self.stat(0)
    }

    /// A field of `stat`, counted from the state, which follows the command's closing bracket: the
    /// command itself may contain anything.
    fn stat<T: FromStr>(&self, field: usize) -> Option<T> {
        let bytes = fs::read(self.directory.join("stat")).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        text.rsplit_once(')')?.1.split_whitespace().nth(field)?.parse().ok()
    }

    /// The name of its program's file, which may have been replaced since by an update.
    fn program(&self) -> Option<String> {
        let mut programs = self.threads().into_iter().map(|thread| thread.join("exe"));
        let path = programs.find_map(|program| fs::read_link(program).ok())?;
        let file = name(&path);
        Some(file.strip_suffix(" (deleted)").unwrap_or(file).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fake::Fake;

    const US: u32 = 40;

    fn kin(fake: &Fake, pid: u32) -> Kin {
        Process::new(&fake.roots().proc, pid).kin(US)
    }

    #[test]
    fn our_children_and_theirs_are_ours_whatever_they_run() {
        let fake = Fake::new();
        fake.process(41, US, "shutter-media", "/usr/libexec/shutter-media");
        fake.process(42, 41, "gst-plugin-scan", "/usr/lib/gst-plugin-scanner");
        assert_eq!(kin(&fake, 41), Kin::OwnWorker);
        assert_eq!(kin(&fake, 42), Kin::OwnWorker);
    }

    #[test]
    fn a_worker_without_its_service_is_of_an_earlier_run() {
        let fake = Fake::new();
        fake.process(1, 0, "systemd", "/usr/lib/systemd/systemd");
        fake.process(50, 1, "shutter-media", "/usr/libexec/shutter-media (deleted)");
        assert_eq!(kin(&fake, 50), Kin::EarlierWorker);
        // Its parent is another service that runs beside this one.
        fake.process(60, 1, "shutterd", "/usr/bin/shutterd");
        fake.process(61, 60, "shutter-media", "/usr/libexec/shutter-media");
        assert_eq!(kin(&fake, 61), Kin::Stranger);
        // Somebody tries a board.
        fake.process(65, 1, "shutterctl", "/usr/bin/shutterctl");
        fake.process(66, 65, "shutter-media", "/usr/libexec/shutter-media");
        assert_eq!(kin(&fake, 66), Kin::Stranger);
        // It only calls itself so.
        fake.process(70, 1, "shutter-media", "/usr/bin/python3");
        assert_eq!(kin(&fake, 70), Kin::Stranger);
    }

    #[test]
    fn a_worker_whose_first_thread_has_ended_is_known_by_another() {
        let fake = Fake::new();
        fake.headless(55, 56, "shutter-media", "/usr/libexec/shutter-media");
        assert_eq!(kin(&fake, 55), Kin::EarlierWorker);
    }

    #[test]
    fn garbage_is_a_stranger() {
        let fake = Fake::new();
        for (pid, stat) in [
            (80_u32, ""),
            (81, "81 (a) S"),
            (82, "82 (a) S x"),
            (83, "83 (a) S 83 0"),
            (84, ") S -1"),
        ] {
            fake.write(&format!("proc/{pid}/stat"), stat);
            assert_eq!(kin(&fake, pid), Kin::Stranger, "{stat}");
        }
        assert_eq!(kin(&fake, 99), Kin::Stranger, "it has ended");
    }

    #[test]
    fn a_command_may_be_anything() {
        let fake = Fake::new();
        fake.process(90, US, ") S 1 (", "/bin/x");
        assert_eq!(kin(&fake, 90), Kin::OwnWorker, "the brackets of its name are not the field's");
        let proc = fake.roots().proc;
        fake.write("proc/91/comm", "a\nb\u{1b}[2J\n");
        assert_eq!(Process::new(&proc, 91).command(), "a\u{fffd}b\u{fffd}[2J");
        assert_eq!(Process::new(&proc, 92).command(), "", "it has ended");
    }

    #[test]
    fn threads_of_the_kernel_are_known_by_their_flag() {
        let fake = Fake::new();
        fake.write("proc/2/stat", "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0\n");
        fake.process(3, 1, "sh", "/bin/sh");
        let of_the_kernel = |pid| Process::new(&fake.roots().proc, pid).is_of_the_kernel();
        assert!(of_the_kernel(2));
        assert!(!of_the_kernel(3));
        assert!(!of_the_kernel(std::process::id()));
    }
}
