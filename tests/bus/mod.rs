// SPDX-License-Identifier: MIT OR Apache-2.0
//! A message bus of its own, for tests of what the service says and hears on the system's.

#![allow(dead_code, unreachable_pub)] // each test binary uses its part

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The variable by which a program finds the system bus.
pub const VARIABLE: &str = "DBUS_SYSTEM_BUS_ADDRESS";

/// A bus on which everybody may do everything. Dropping it ends it.
pub struct Bus {
    daemon: Child,
    pub address: String,
    _directory: tempfile::TempDir,
}

impl Bus {
    /// Starts the reference implementation, which devices have.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("bus.conf");
        let socket = directory.path().join("socket");
        let text = format!(
            "<busconfig><type>system</type><listen>unix:path={}</listen><policy context=\"default\">\
             <allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/></policy>\
             </busconfig>",
            socket.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .arg("--nofork")
            .arg("--print-address")
            .arg(format!("--config-file={}", config.display()))
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon: `make test` installs it");
        // Printed when it listens.
        let mut address = String::new();
        let stdout = daemon.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        assert!(address.starts_with("unix:"), "{address:?}");
        Self { daemon, address, _directory: directory }
    }

    /// A connection for the test itself.
    pub fn connect(&self) -> zbus::connection::Builder<'static> {
        zbus::connection::Builder::address(self.address.as_str())
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
