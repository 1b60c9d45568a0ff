// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the built binaries are linked against.

use std::path::Path;
use std::process::Command;

/// The shared libraries that a binary needs, as its dynamic section names them.
fn needed(binary: &str) -> Vec<String> {
    let output = Command::new("readelf").args(["--dynamic", "--wide", binary]).output().unwrap();
    assert!(output.status.success(), "readelf {binary}");
    parse(&String::from_utf8_lossy(&output.stdout))
}

fn parse(dynamic: &str) -> Vec<String> {
    let lines = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    let name = |line: &str| Some(line.split_once('[')?.1.split_once(']')?.0.to_owned());
    lines.filter_map(name).collect()
}

fn is_gstreamer(library: &str) -> bool {
    library.starts_with("libgst")
        || library.starts_with("libglib")
        || library.starts_with("libgobject")
}

#[test]
fn the_daemon_and_the_cli_link_no_gstreamer() {
    for binary in [env!("CARGO_BIN_EXE_shutterd"), env!("CARGO_BIN_EXE_shutterctl")] {
        let needed = needed(binary);
        assert!(needed.iter().any(|library| library.starts_with("libc.")), "{binary}: {needed:?}");
        let media: Vec<&String> = needed.iter().filter(|library| is_gstreamer(library)).collect();
        assert!(media.is_empty(), "{binary} needs {media:?}");
    }
}

#[test]
fn the_media_worker_links_gstreamer() {
    // Until src/media is there the binary is empty, and has nothing to link.
    if !Path::new(env!("CARGO_MANIFEST_DIR")).join("src/media/mod.rs").exists() {
        return;
    }
    let needed = needed(env!("CARGO_BIN_EXE_shutter-media"));
    assert!(needed.iter().any(|library| is_gstreamer(library)), "{needed:?}");
}

#[test]
fn a_dynamic_section_is_read() {
    let dynamic = "Tag Type Name/Value\n 0x1 (NEEDED) Shared library: [libgstreamer-1.0.so.0]\n \
                   0x1 (NEEDED) Shared library: [libc.so.6]\n 0xe (SONAME) [x]\n";
    let needed = parse(dynamic);
    assert_eq!(needed, ["libgstreamer-1.0.so.0", "libc.so.6"]);
    assert_eq!(needed.iter().filter(|l| is_gstreamer(l)).count(), 1);
}
