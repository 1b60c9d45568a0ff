// SPDX-License-Identifier: MIT OR Apache-2.0
//! The example of a product, `yocto/meta-headset`, is one: the service understands its configuration and its
//! board file. `yocto/checks` has the rest of that layer.

#![allow(clippy::unwrap_used)] // a test says so by failing

use std::fs;
use std::path::Path;

use shutterd::config::Config;
use shutterd::wire::Codec;

#[test]
fn the_service_reads_what_a_product_ships() {
    let layer = Path::new(env!("CARGO_MANIFEST_DIR")).join("yocto/meta-headset/recipes-multimedia");
    let text = fs::read_to_string(layer.join("shutter-board/files/shutterd.toml")).unwrap();
    // On the device the board file is where the service looks; here it is in the layer.
    let boards = layer.join("headset-camera/files");
    let directory = tempfile::tempdir().unwrap();
    let main = directory.path().join("shutterd.toml");
    fs::write(&main, format!("{text}\n[media]\npipelines = [{boards:?}]\n")).unwrap();

    let config = Config::load(Some(&main), []).unwrap_or_else(|report| panic!("{report}"));
    let [camera] = &config.cameras[..] else { panic!("one camera") };
    assert_eq!(camera.board.title(), "Headset");
    assert_eq!(camera.board.codecs(), [Codec::H264]);
    assert_eq!(camera.board.needs(), ["h264parse", "v4l2h264enc", "v4l2src"]);
}
