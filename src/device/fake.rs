// SPDX-License-Identifier: MIT OR Apache-2.0
//! A test's own `/proc`, `/sys` and `/dev`, with whatever a kernel might show there.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::node::DeviceNumber;
use super::roots::Roots;

/// Trees of a system on which everything can be seen; removed when dropped.
pub(crate) struct Fake {
    directory: tempfile::TempDir,
}

impl Fake {
    pub(crate) fn new() -> Self {
        let fake = Self { directory: tempfile::tempdir().unwrap() };
        // Other users may look too: see `unprivileged`.
        fs::set_permissions(fake.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fake.process(1, 0, "init", "/sbin/init");
        fake.link("proc/self/ns/pid", "pid:[4026531836]");
        fs::create_dir_all(fake.path("sys")).unwrap();
        fake
    }

    pub(crate) fn roots(&self) -> Roots {
        Roots { proc: self.path("proc"), sys: self.path("sys") }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A link, relative to where it stands or to the root; one that was there is replaced.
    pub(crate) fn link(&self, path: &str, target: impl AsRef<Path>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        symlink(target, path).unwrap();
    }

    pub(crate) fn process(&self, pid: u32, parent: u32, command: &str, program: &str) {
        fs::create_dir_all(self.path(&format!("proc/{pid}/fd"))).unwrap();
        self.write(&format!("proc/{pid}/comm"), format!("{command}\n"));
        self.write(
            &format!("proc/{pid}/stat"),
            format!("{pid} ({command}) S {parent} {pid} {pid} 0 -1 4194560 0 0\n"),
        );
        self.link(&format!("proc/{pid}/exe"), program);
    }

    /// A process whose first thread has ended, and whose other one has not.
    pub(super) fn headless(&self, pid: u32, thread: u32, command: &str, program: &str) {
        self.process(pid, 1, command, program);
        fs::remove_file(self.path(&format!("proc/{pid}/exe"))).unwrap();
        let stat = format!("{pid} ({command}) Z 1 {pid} {pid} 0 -1 4194560 0 0\n");
        self.write(&format!("proc/{pid}/stat"), stat);
        fs::create_dir_all(self.path(&format!("proc/{pid}/task/{pid}/fd"))).unwrap();
        fs::create_dir_all(self.path(&format!("proc/{pid}/task/{thread}/fd"))).unwrap();
        self.link(&format!("proc/{pid}/task/{thread}/exe"), program);
    }

    /// Gives the process a descriptor of a file of the real system.
    pub(crate) fn descriptor(&self, pid: u32, number: u32, target: impl AsRef<Path>) {
        self.link(&format!("proc/{pid}/fd/{number}"), target);
    }

    /// What `look` sees as a user who may do nothing special. Root may look everywhere: for root
    /// it runs on a thread of its own, as nobody.
    pub(crate) fn unprivileged<T: Send>(&self, look: impl FnOnce() -> T + Send) -> T {
        let as_nobody = || {
            if rustix::process::geteuid().is_root() {
                nix::unistd::setfsuid(nix::unistd::Uid::from_raw(65534));
            }
            look()
        };
        std::thread::scope(|scope| scope.spawn(as_nobody).join().unwrap())
    }

    pub(crate) fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A camera of a board: `video0`, which is `node`, and `video1` of a bridge, a receiver, and a
    /// sensor on I2C with a subdevice node.
    pub(crate) fn camera(&self, node: DeviceNumber) {
        let DeviceNumber { major, minor } = node;
        let video = "devices/bridge/video4linux/video0";
        self.write(&format!("sys/{video}/dev"), format!("{major}:{minor}\n"));
        self.link(&format!("sys/{video}/device"), "../..");
        self.write("sys/devices/bridge/video4linux/video1/dev", "1:5\n");
        self.link(&format!("sys/dev/char/{major}:{minor}"), format!("../../{video}"));
        self.link("sys/devices/bridge/of_node", "../../tree/bridge");
        self.link("sys/bus/platform/devices/bridge", "../../../devices/bridge");
        self.endpoint("bridge/ports", 0x10, 0x11);
        self.part("platform", "csi", &[(0x11, 0x10), (0x12, 0x13)]);
        self.part("i2c", "10-0010", &[(0x13, 0x12)]);
        self.write("sys/bus/i2c/devices/10-0010/video4linux/v4l-subdev8/dev", "81:8\n");
    }

    /// A device whose endpoints, the first of each pair, are connected to the second.
    pub(crate) fn part(&self, bus: &str, name: &str, endpoints: &[(u8, u8)]) {
        self.link(
            &format!("sys/bus/{bus}/devices/{name}/of_node"),
            self.path("sys/tree").join(name),
        );
        for (own, remote) in endpoints {
            self.endpoint(name, *own, *remote);
        }
    }

    /// One more endpoint of a device.
    pub(crate) fn endpoint(&self, name: &str, own: u8, remote: u8) {
        let endpoint = format!("sys/tree/{name}/port@0/endpoint@{own:x}");
        self.write(&format!("{endpoint}/phandle"), [0, 0, 0, own]);
        self.write(&format!("{endpoint}/remote-endpoint"), [0, 0, 0, remote]);
    }

    /// An LED of the device tree, as `leds-gpio` makes it.
    pub(crate) fn led(&self, name: &str, phandle: u8, brightness: &str) {
        let led = format!("sys/class/leds/{name}");
        self.write(&format!("{led}/brightness"), format!("{brightness}\n"));
        self.write(&format!("{led}/trigger"), "[none] heartbeat timer\n");
        self.write(&format!("{led}/uevent"), format!("OF_NAME=led\nOF_FULLNAME=/leds/{phandle}\n"));
        let tree = format!("sys/firmware/devicetree/base/leds/{phandle}");
        self.write(&format!("{tree}/phandle"), [0, 0, 0, phandle]);
    }

    /// Writes into a device's tree node which LED is its own, and for what.
    pub(crate) fn binding(&self, device: &str, phandles: &[u8], names: &str) {
        let references: Vec<u8> = phandles.iter().flat_map(|last| [0, 0, 0, *last]).collect();
        self.write(&format!("sys/tree/{device}/leds"), references);
        self.write(&format!("sys/tree/{device}/led-names"), names);
    }

    /// What a device says of its power.
    pub(crate) fn power(&self, device: &str, status: &str, control: &str, autosuspend: &str) {
        self.write(&format!("sys/{device}/power/runtime_status"), format!("{status}\n"));
        self.write(&format!("sys/{device}/power/control"), format!("{control}\n"));
        self.write(&format!("sys/{device}/power/autosuspend_delay_ms"), autosuspend);
    }
}
