// SPDX-License-Identifier: MIT OR Apache-2.0
//! H.265 through both workers, to a viewer that decodes it. It offers it under a payload type that no
//! payloader of GStreamer takes, as Chromium does.

use shutterd::lifecycle::Role;
use shutterd::wire::Codec;

use crate::peer::{
    a_viewer_that_lost_pictures_gets_a_keyframe, is_refused, the_camera_opens_after_connected,
    the_device_answers, the_device_offers,
};
use crate::rates::{follows, steps};

#[tokio::test]
async fn the_device_answers_with_h265() {
    the_device_answers(Codec::H265).await;
}

#[tokio::test]
async fn the_device_offers_h265() {
    the_device_offers(Codec::H265).await;
}

#[tokio::test]
async fn the_camera_opens_after_connected_h265_answer() {
    the_camera_opens_after_connected(Codec::H265, Role::Answerer).await;
}

#[tokio::test]
async fn the_camera_opens_after_connected_h265_offer() {
    the_camera_opens_after_connected(Codec::H265, Role::Offerer).await;
}

#[tokio::test]
async fn an_h265_viewer_that_lost_pictures_gets_a_keyframe() {
    a_viewer_that_lost_pictures_gets_a_keyframe(Codec::H265).await;
}

#[tokio::test]
async fn h265_follows_the_only_path() {
    let encoder = "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=120";
    follows(Codec::H265, encoder).await;
}

#[tokio::test]
async fn h265_pictures_become_rarer_and_smaller_on_a_narrow_path_and_whole_again() {
    steps(Codec::H265, "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=120").await;
}

#[tokio::test]
async fn an_offer_without_h265_is_refused() {
    is_refused(Codec::H264, Codec::H265).await;
}
