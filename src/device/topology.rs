// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands behind a camera's node: the device that has the node, and the sensor that feeds it.
//!
//! sysfs has no link from a capture node to its sensor, but the device tree has: endpoints that
//! name one another (`remote-endpoint`), from the bridge over receivers to the sensors. Where the
//! sensor is found it is the only one that leads here; a sensor of several could be another
//! camera's, and what it says would be held against this one.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::node::DeviceNumber;
use super::roots::{attribute, entries, name};

/// The buses on which parts of a camera are found, and those by which sensors are controlled.
const BUSES: [&str; 3] = ["i2c", "platform", "spi"];
const CONTROL_BUSES: [&str; 2] = ["i2c", "spi"];
/// How a device's tree node names its ports.
const PORTS: [&str; 4] = ["port", "ports", "port@0", "port@1"];

/// A reference to a node of the device tree, big-endian as the tree has it.
pub(super) type Phandle = [u8; 4];

/// The devices behind a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Topology {
    /// The device that the node belongs to: a bridge, an interface of a USB camera.
    pub(super) device: PathBuf,
    /// The sensors that lead to it.
    pub(super) sensors: Vec<PathBuf>,
}

impl Topology {
    /// `None` when sysfs does not know the node.
    pub(super) fn of(sys: &Path, node: DeviceNumber) -> Option<Self> {
        let DeviceNumber { major, minor } = node;
        let device = fs::canonicalize(sys.join(format!("dev/char/{major}:{minor}/device"))).ok()?;
        let sensors = sensors(sys, &device);
        Some(Self { device, sensors })
    }

    /// The sensor, where there is exactly one.
    pub(super) fn sensor(&self) -> Option<&Path> {
        match self.sensors.as_slice() {
            [sensor] => Some(sensor),
            _ => None,
        }
    }

    /// What has a say about this camera alone: its sensor; without any sensor the device itself.
    pub(super) fn speaks(&self) -> Option<&Path> {
        if self.sensors.is_empty() { Some(&self.device) } else { self.sensor() }
    }

    /// The nodes of these devices: whoever has one of them open may be using the sensor.
    pub(super) fn nodes(&self) -> Vec<DeviceNumber> {
        let devices = std::iter::once(&self.device).chain(&self.sensors);
        let nodes = devices.flat_map(|device| entries(&device.join("video4linux")));
        nodes.filter_map(|node| number(&attribute(&node.join("dev"))?)).collect()
    }
}

/// `81:0`
fn number(text: &str) -> Option<DeviceNumber> {
    let (major, minor) = text.split_once(':')?;
    Some(DeviceNumber { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

/// A device with endpoints.
struct Part {
    device: PathBuf,
    /// Whom its endpoints name.
    remotes: Vec<Phandle>,
}

/// The sensors from which the graph leads to `device`: subdevices of V4L2 on a control bus that are
/// connected to one other part only.
fn sensors(sys: &Path, device: &Path) -> Vec<PathBuf> {
    if endpoints(device).1.is_empty() {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let mut owners: HashMap<Phandle, usize> = HashMap::new();
    for device in std::iter::once(device.to_owned()).chain(devices(sys)) {
        let (own, remotes) = endpoints(&device);
        for phandle in own {
            owners.entry(phandle).or_insert(parts.len());
        }
        parts.push(Part { device, remotes });
    }
    let neighbours = |part: usize| {
        let mut all: Vec<usize> =
            parts[part].remotes.iter().filter_map(|remote| owners.get(remote).copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let mut reached = vec![0];
    let mut next = 0;
    while let Some(&part) = reached.get(next) {
        for neighbour in neighbours(part) {
            if !reached.contains(&neighbour) {
                reached.push(neighbour);
            }
        }
        next += 1;
    }
    let ends = reached.into_iter().skip(1).filter(|part| neighbours(*part).len() == 1);
    let devices = ends.map(|part| &parts[part].device).filter(|device| is_sensor(device));
    devices.filter_map(|device| fs::canonicalize(device).ok()).collect()
}

/// Every device in which something of a camera could be.
pub(super) fn devices(sys: &Path) -> impl Iterator<Item = PathBuf> {
    BUSES.into_iter().flat_map(move |bus| entries(&sys.join("bus").join(bus).join("devices")))
}

/// Whether a part at the graph's end is a sensor: an image processor may stand there as well.
fn is_sensor(device: &Path) -> bool {
    let bus = device.ancestors().nth(2).map(name).unwrap_or_default();
    let subdevice = |node: PathBuf| name(&node).starts_with("v4l-subdev");
    CONTROL_BUSES.contains(&bus) && entries(&device.join("video4linux")).any(subdevice)
}

/// A device's endpoints, and those that they name.
fn endpoints(device: &Path) -> (Vec<Phandle>, Vec<Phandle>) {
    let node = device.join("of_node");
    let (mut own, mut remotes) = (Vec::new(), Vec::new());
    if !PORTS.iter().any(|port| node.join(port).exists()) {
        return (own, remotes);
    }
    let below = |path: &Path, what: &'static str| {
        entries(path).filter(move |entry| name(entry).split('@').next() == Some(what))
    };
    let ports = below(&node, "port").chain(below(&node.join("ports"), "port"));
    for endpoint in ports.flat_map(|port| below(&port, "endpoint")) {
        own.extend(phandles(&endpoint.join("phandle")));
        remotes.extend(phandles(&endpoint.join("remote-endpoint")));
    }
    (own, remotes)
}

/// The references in a property; none when there is no such property.
pub(super) fn phandles(property: &Path) -> Vec<Phandle> {
    let bytes = fs::read(property).unwrap_or_default();
    bytes.as_chunks().0.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::fake::Fake;

    const NODE: DeviceNumber = DeviceNumber { major: 81, minor: 0 };

    fn names(topology: &Topology) -> Vec<&str> {
        topology.sensors.iter().map(|sensor| name(sensor)).collect()
    }

    #[test]
    fn a_sensor_is_found_over_its_receiver() {
        let fake = Fake::new();
        fake.camera(NODE);
        let topology = Topology::of(&fake.roots().sys, NODE).unwrap();
        assert_eq!(name(&topology.device), "bridge");
        assert_eq!(names(&topology), ["10-0010"]);
        assert_eq!(topology.speaks(), topology.sensor());
        let minors: Vec<u32> = topology.nodes().iter().map(|node| node.minor).collect();
        assert_eq!(minors.len(), 3, "the node, its sibling, the sensor's: {minors:?}");
    }

    #[test]
    fn another_camera_has_its_own_sensor() {
        let fake = Fake::new();
        fake.camera(NODE);
        // A sensor of another graph, and parts of this one that are no sensors.
        fake.part("i2c", "11-0010", &[(0x61, 0x99)]);
        fake.write("sys/bus/i2c/devices/11-0010/video4linux/v4l-subdev9/dev", "81:9\n");
        fake.part("i2c", "12-0050", &[(0x71, 0x15)]);
        fake.endpoint("bridge", 0x15, 0x71);
        fake.part("platform", "isp", &[(0x81, 0x16)]);
        fake.write("sys/bus/platform/devices/isp/video4linux/v4l-subdev7/dev", "81:7\n");
        fake.endpoint("bridge", 0x16, 0x81);
        assert_eq!(names(&Topology::of(&fake.roots().sys, NODE).unwrap()), ["10-0010"]);
    }

    #[test]
    fn a_serializer_on_the_way_is_no_sensor() {
        let fake = Fake::new();
        fake.camera(NODE);
        // Between the receiver and the sensor, which is connected to it from now on.
        fake.part("i2c", "9-0030", &[(0x51, 0x12), (0x52, 0x13)]);
        fake.write("sys/bus/i2c/devices/9-0030/video4linux/v4l-subdev6/dev", "81:6\n");
        fake.endpoint("csi", 0x12, 0x51);
        fake.endpoint("10-0010", 0x13, 0x52);
        assert_eq!(names(&Topology::of(&fake.roots().sys, NODE).unwrap()), ["10-0010"]);
    }

    #[test]
    fn of_several_sensors_none_speaks() {
        let fake = Fake::new();
        fake.camera(NODE);
        fake.part("i2c", "11-0010", &[(0x61, 0x15)]);
        fake.write("sys/bus/i2c/devices/11-0010/video4linux/v4l-subdev9/dev", "81:9\n");
        fake.endpoint("bridge", 0x15, 0x61);
        let topology = Topology::of(&fake.roots().sys, NODE).unwrap();
        assert_eq!(topology.sensors.len(), 2);
        assert_eq!(topology.sensor(), None);
        assert_eq!(topology.speaks(), None);
    }

    #[test]
    fn a_device_without_a_tree_speaks_for_itself() {
        let fake = Fake::new();
        fake.write("sys/devices/usb/1-1:1.0/video4linux/video0/dev", "81:0\n");
        fake.link("sys/devices/usb/1-1:1.0/video4linux/video0/device", "../..");
        fake.link("sys/dev/char/81:0", "../../devices/usb/1-1:1.0/video4linux/video0");
        let topology = Topology::of(&fake.roots().sys, NODE).unwrap();
        assert_eq!(topology.sensors, [] as [PathBuf; 0]);
        assert_eq!(name(topology.speaks().unwrap()), "1-1:1.0");
        assert_eq!(topology.nodes(), [NODE]);
    }

    #[test]
    fn garbage_leads_nowhere() {
        let fake = Fake::new();
        assert_eq!(Topology::of(&fake.roots().sys, NODE), None, "an empty sysfs");
        fake.camera(NODE);
        fake.write("sys/tree/csi/port@0/endpoint@12/remote-endpoint", [1, 2, 3]);
        fake.write("sys/devices/bridge/video4linux/video1/dev", "81\n");
        let topology = Topology::of(&fake.roots().sys, NODE).unwrap();
        assert_eq!(topology.sensors, [] as [PathBuf; 0]);
        assert_eq!(topology.nodes(), [NODE]);
        // Half removed: the node's link is there, its device is not.
        fs::remove_dir_all(fake.path("sys/devices/bridge")).unwrap();
        assert_eq!(Topology::of(&fake.roots().sys, NODE), None);
    }
}
