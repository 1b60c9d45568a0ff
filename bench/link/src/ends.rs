// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two ends of the path: a TUN device in the namespace that this program was started in, and one
//! in a namespace that it makes. That one lives as long as the thread that made it.

use std::fs;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getpid, gettid};
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::Failure;

/// Where the path begins.
pub const NEAR: &str = "10.77.1.1";
/// Where it ends.
pub const FAR: &str = "10.77.1.2";

/// What Ethernet takes.
const MTU: u16 = 1500;

/// The far end. Its namespace goes when this is dropped and everybody in it has ended.
#[derive(Debug)]
pub struct Far {
    /// A path that `nsenter --net=` and `setns` take.
    pub namespace: String,
    _held: mpsc::Sender<()>,
}

/// Makes the device of this namespace.
///
/// # Errors
/// When there is anything but loopback in it: it would be somebody's network.
pub fn near() -> Result<SyncDevice, Failure> {
    let devices = fs::read_to_string("/proc/thread-self/net/dev")?;
    let others = devices.lines().filter_map(|line| line.split_once(':'));
    if let Some((other, _)) = others.clone().find(|(name, _)| name.trim() != "lo") {
        let other = other.trim();
        return Err(
            format!("`{other}` is here: run it in a network of its own, `unshare --net`").into()
        );
    }
    device("near", NEAR)
}

/// Makes a namespace and the device in it.
///
/// # Errors
/// When this user may not.
pub fn far() -> Result<(SyncDevice, Far), Failure> {
    let (made, device) = mpsc::channel();
    let (held, holds) = mpsc::channel();
    thread::Builder::new().name("far".into()).spawn(move || {
        let far = far_device().map_err(|failure| failure.to_string());
        if made.send(far).is_ok() {
            // Until the other end is dropped.
            let _: Result<(), _> = holds.recv();
        }
    })?;
    let (device, namespace) = device.recv()??;
    Ok((device, Far { namespace, _held: held }))
}

fn far_device() -> Result<(SyncDevice, String), Failure> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    let device = device("far", FAR)?;
    // Chromium offers no address where there is no default route.
    ip(&["route", "add", "default", "via", NEAR])?;
    Ok((device, format!("/proc/{}/task/{}/ns/net", getpid(), gettid())))
}

/// In the namespace of the calling thread, like all that it starts.
fn device(name: &str, address: &str) -> Result<SyncDevice, Failure> {
    let device = DeviceBuilder::new().name(name).mtu(MTU).enable(false).build_sync()?;
    // Before it is up: the kernel greets neighbours over IPv6, and there are none.
    fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "1")?;
    ip(&["link", "set", "lo", "up"])?;
    ip(&["addr", "add", &format!("{address}/30"), "dev", name])?;
    ip(&["link", "set", name, "up"])?;
    Ok(device)
}

fn ip(arguments: &[&str]) -> Result<(), Failure> {
    let said = Command::new("ip").args(arguments).output()?;
    if said.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&said.stderr);
    Err(format!("ip {}: {}", arguments.join(" "), why.trim()).into())
}
