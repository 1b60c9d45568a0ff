// SPDX-License-Identifier: MIT OR Apache-2.0
//! The input devices that have a configured switch or key, as they come and go.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evdev::{Device, EventSummary};
use rustix::fs::inotify;
use tokio::io::unix::AsyncFd;
use tokio::task::JoinSet;

use super::switches::Door;
use crate::config::InputCode;
use crate::wire::packet::watched;

/// Where the kernel's input devices are.
const INPUT: &str = "/dev/input";

/// The input devices that have to do with some doors.
pub(super) struct Inputs {
    doors: Arc<[Door]>,
    changes: Changes,
    /// The nodes that are read.
    known: BTreeSet<PathBuf>,
    reading: JoinSet<PathBuf>,
}

impl Inputs {
    /// None is read yet. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the system cannot say what is plugged in later.
    pub(super) fn new(doors: Vec<Door>) -> io::Result<Self> {
        let changes = Changes::new(&doors)?;
        let (known, reading) = (BTreeSet::new(), JoinSet::new());
        Ok(Self { doors: doors.into(), changes, known, reading })
    }

    /// Begins to read what there is: when this returns, the doors know how those devices stand.
    /// Cancel-safe.
    pub(super) async fn find(&mut self) {
        self.changes.watch();
        let (known, doors) = (self.known.clone(), Arc::clone(&self.doors));
        // Opening a device may wake it, which takes its time.
        let found = tokio::task::spawn_blocking(move || find(&known, &doors)).await;
        for (path, device, doors) in found.unwrap_or_default() {
            self.known.insert(path.clone());
            self.reading.spawn(read(path, device, doors));
        }
    }

    /// Reads those that come later, too. Returns only when the system cannot say what comes.
    pub(super) async fn follow(mut self) {
        loop {
            tokio::select! {
                changed = self.changes.next() => {
                    if let Err(error) = changed {
                        tracing::warn!(%error, "switches that are plugged in from now on are not seen");
                        break;
                    }
                    self.find().await;
                }
                Some(Ok(gone)) = self.reading.join_next() => {
                    self.known.remove(&gone);
                }
            }
        }
        while self.reading.join_next().await.is_some() {}
    }
}

type Found = (PathBuf, Device, Vec<Door>);

/// The devices that are not read yet and have a switch or key of `doors`, which are told how it
/// stands. One that this user may not open yet is tried again when its permissions change.
fn find(known: &BTreeSet<PathBuf>, doors: &[Door]) -> Vec<Found> {
    let nodes = fs::read_dir(INPUT).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_event = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"event"))
    };
    let unread = nodes.filter(|path| is_event(path) && !known.contains(path));
    unread.filter_map(|path| open(path, doors)).collect()
}

fn open(path: PathBuf, doors: &[Door]) -> Option<Found> {
    let may_be_its = |door: &&Door| match &door.switch.device {
        Some(device) => fs::canonicalize(device).is_ok_and(|node| node == path),
        None => true,
    };
    let doors: Vec<&Door> = doors.iter().filter(may_be_its).collect();
    if doors.is_empty() {
        return None;
    }
    let device = match Device::open(&path) {
        Ok(device) => device,
        Err(error) => {
            tracing::debug!(%error, device = %path.display(), "input device");
            return None;
        }
    };
    let doors = doors.into_iter().filter(|door| has(&device, door.switch.event));
    let doors: Vec<Door> = doors.cloned().collect();
    let name = name(&device);
    for door in &doors {
        tracing::info!(switch = door.switch.name, device = %path.display(), name, "input device");
        // What changes from now on is in its queue.
        door.says(&name, is_on(&device, door.switch.event).ok()?, true);
    }
    (!doors.is_empty()).then_some((path, device, doors))
}

/// What stays the same when it is unplugged and plugged in again.
fn name(device: &Device) -> String {
    let place = device.physical_path().unwrap_or_default();
    format!("{} {place}", device.name().unwrap_or_default()).trim_end().to_owned()
}

fn has(device: &Device, event: InputCode) -> bool {
    match event {
        InputCode::Switch(code) => {
            device.supported_switches().is_some_and(|all| all.contains(evdev::SwitchCode(code)))
        }
        InputCode::Key(code) => {
            device.supported_keys().is_some_and(|all| all.contains(evdev::KeyCode(code)))
        }
    }
}

fn is_on(device: &Device, event: InputCode) -> io::Result<bool> {
    Ok(match event {
        InputCode::Switch(code) => device.get_switch_state()?.contains(evdev::SwitchCode(code)),
        InputCode::Key(code) => device.get_key_state()?.contains(evdev::KeyCode(code)),
    })
}

/// Passes on what the device says, until it is gone.
async fn read(path: PathBuf, device: Device, doors: Vec<Door>) -> PathBuf {
    let Err(gone) = listen(device, &doors).await;
    let device = path.display();
    tracing::warn!(%gone, %device, "an input device is gone; its switches stand as they were");
    path
}

async fn listen(device: Device, doors: &[Door]) -> io::Result<Infallible> {
    let name = name(&device);
    let mut events = device.into_event_stream()?;
    loop {
        let (code, value) = match events.next_event().await?.destructure() {
            EventSummary::Switch(_, code, value) => (InputCode::Switch(code.0), value),
            // A key that repeats was pressed before.
            EventSummary::Key(_, code, value) if value != 2 => (InputCode::Key(code.0), value),
            _ => continue,
        };
        for door in doors.iter().filter(|door| door.switch.event == code) {
            door.says(&name, value != 0, false);
        }
    }
}

/// What changes in the directories of input devices.
struct Changes {
    inotify: AsyncFd<OwnedFd>,
    directories: BTreeSet<PathBuf>,
}

impl Changes {
    fn new(doors: &[Door]) -> io::Result<Self> {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let inotify = watched(inotify::init(flags)?)?;
        let named = doors.iter().filter_map(|door| door.switch.device.as_deref()?.parent());
        let directories = named.chain([Path::new(INPUT)]).map(Path::to_owned).collect();
        Ok(Self { inotify, directories })
    }

    /// Watches each directory, or what is there of its path. To watch one again changes nothing.
    fn watch(&self) {
        let on = inotify::WatchFlags::CREATE
            | inotify::WatchFlags::ATTRIB
            | inotify::WatchFlags::MOVED_TO
            | inotify::WatchFlags::ONLYDIR;
        for directory in &self.directories {
            let there = directory.ancestors().find(|path| path.is_dir());
            if let Some(Err(error)) =
                there.map(|there| inotify::add_watch(&self.inotify, there, on))
            {
                tracing::debug!(%error, directory = %directory.display(), "inotify");
            }
        }
    }

    /// Returns when something changed since the last call. Cancel-safe.
    async fn next(&self) -> io::Result<()> {
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        loop {
            let mut ready = self.inotify.readable().await?;
            let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
            let mut changed = false;
            loop {
                match events.next() {
                    Ok(_) => changed = true,
                    Err(rustix::io::Errno::AGAIN) => break,
                    Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            ready.clear_ready();
            if changed {
                return Ok(());
            }
        }
    }
}
