// SPDX-License-Identifier: MIT OR Apache-2.0
//! The elements that board files need and that are nowhere but on those boards, as their sources have
//! them; and a camera.

use gst::glib::translate::{FromGlib, IntoGlib};
use gst::glib::{self, ParamSpec};
use gst::prelude::*;
use shutterd::wire::Codec;

use super::choices::{
    C2Rate, IoMode, MppHeaderMode, MppLevel, MppProfile, MppRateMode, NvRate, VaRate,
};
use super::h265;
use super::standin::stand_in;

/// What makes H.264 in place of hardware, of pictures in any format: x264 would keep 4:2:2.
macro_rules! encoder {
    () => {
        "videoconvert ! capsfilter caps=video/x-raw,format=I420 \
         ! x264enc name=inside tune=zerolatency speed-preset=ultrafast bframes=0"
    };
}

/// Registers all of them, in place of the real ones if there are any.
pub(super) fn register() {
    camera::register();
    gst_vpuenc::register();
    gst_mpp::register();
    gst_nv::register();
    gst_nvvidconv::register();
    gst_c2venc::register();
    gst_v4l2::register();
    gst_va::register();
    gst_vavpp::register();
    h265::register();
}

/// The element that makes either codec, by the caps behind it, makes this one from now on. A
/// stand-in has one encoder inside.
pub(super) fn c2venc_makes(codec: Codec) {
    match codec {
        Codec::H265 => h265::register_c2venc(),
        _ => gst_c2venc::register(),
    }
}

stand_in!(
    camera,
    Sheet {
        factory: "v4l2src",
        from: "gst-plugins-good, sys/v4l2/gstv4l2object.c",
        sink: None,
        src: "video/x-raw, format={ NV12, YUY2, UYVY, I420 }",
        inside: "videotestsrc is-live=true pattern=ball",
        properties: super::camera_properties,
        action: None,
    }
);

fn camera_properties() -> Vec<ParamSpec> {
    vec![text("device"), choice::<IoMode>("io-mode"), controls()]
}

stand_in!(
    gst_vpuenc,
    Sheet {
        factory: "vpuenc_h264",
        from: "imx-gst1.0-plugin, plugins/vpu/gstvpuenc.c, as on the i.MX 8M Plus",
        sink: Some(
            "video/x-raw, format={ NV12, I420, YUY2, UYVY, RGBA, RGBx, RGB16, RGB15, BGRA, BGRx, BGR16 }, \
                width=[ 64, 1920 ], height=[ 64, 1088 ]"
        ),
        src: "video/x-h264, stream-format={ avc, byte-stream }, alignment={ au, nal }",
        inside: encoder!(),
        properties: super::vpuenc_properties,
        action: None,
    }
);

fn vpuenc_properties() -> Vec<ParamSpec> {
    let mut all = vpuenc_base();
    all.extend([range("profile", 9, 12, 9), range("level", 10, 99, 31)]);
    all
}

/// Those of both codecs.
pub(super) fn vpuenc_base() -> Vec<ParamSpec> {
    vec![
        number("bitrate", 0),
        number("gop-size", 30),
        range("quant", -1, 51, -1),
        range("stream-multislice", 1, i32::MAX, 1),
        range("force-idr", 0, i32::MAX, 0),
        range("qp-min", 0, 51, 0),
        range("qp-max", 0, 51, 0),
    ]
}

pub(super) fn range(name: &str, least: i32, most: i32, default: i32) -> ParamSpec {
    let spec = glib::ParamSpecInt::builder(name).minimum(least).maximum(most);
    spec.default_value(default).build()
}

stand_in!(
    gst_mpp,
    Sheet {
        factory: "mpph264enc",
        from: "gstreamer-rockchip, gst/rockchipmpp/gstmppenc.c, gstmpph264enc.c",
        sink: Some(
            "video/x-raw, format={ NV12, I420, YUY2, UYVY, BGR16, RGB16, BGRA, RGBA, BGRx, RGBx }"
        ),
        src: "video/x-h264, stream-format=byte-stream, alignment=au, profile={ baseline, main, high }",
        inside: concat!(encoder!(), " ! capsfilter caps=video/x-h264,profile=baseline"),
        properties: super::mpp_properties,
        action: None,
    }
);

fn mpp_properties() -> Vec<ParamSpec> {
    let mut all = mpp_base();
    all.extend([
        choice::<MppProfile>("profile"),
        choice::<MppLevel>("level"),
        number("qp-init", 26),
        number("qp-min", 0),
        number("qp-max", 0),
    ]);
    all
}

/// Those of gstmppenc.c.
pub(super) fn mpp_base() -> Vec<ParamSpec> {
    vec![
        choice::<MppHeaderMode>("header-mode"),
        choice::<MppRateMode>("rc-mode"),
        glib::ParamSpecInt::builder("gop").minimum(-1).default_value(-1).build(),
        number("max-reenc", 1),
        number("bps", 0),
        number("bps-min", 0),
        number("bps-max", 0),
        flag("zero-copy-pkt"),
    ]
}

stand_in!(
    gst_nv,
    Sheet {
        factory: "nvv4l2h264enc",
        from: "gst-nvvideo4linux2, gst-v4l2/gstv4l2videoenc.c, gstv4l2h264enc.c",
        sink: Some("video/x-raw(memory:NVMM), format={ I420, NV12, P010_10LE }"),
        src: "video/x-h264, stream-format=byte-stream, alignment=au",
        inside: encoder!(),
        properties: super::nv_properties,
        action: Some("force-IDR"),
    }
);

fn nv_properties() -> Vec<ParamSpec> {
    let mut all = nv_base();
    all.extend([
        flag("insert-vui"),
        flag("insert-sps-pps"),
        flag("insert-aud"),
        number("num-B-Frames", 0),
        flag("cabac-entropy-coding"),
        flag("EnableTwopassCBR"),
    ]);
    all
}

/// Those of gstv4l2videoenc.c.
pub(super) fn nv_base() -> Vec<ParamSpec> {
    vec![
        choice::<NvRate>("control-rate"),
        number("bitrate", 4_000_000),
        number("iframeinterval", 30),
        number("idrinterval", 256),
        flag("bufapi-version"),
        number("peak-bitrate", 0),
        text("qp-range"),
        number("vbv-size", 4_000_000),
        flag("MeasureEncoderLatency"),
        flag("ratecontrol-enable"),
        flag("maxperf-enable"),
    ]
}

stand_in!(
    gst_nvvidconv,
    Sheet {
        factory: "nvvidconv",
        from: "its use in public pipelines; its source was not found",
        sink: Some("video/x-raw, format={ I420, NV12, UYVY, YUY2, BGRx, RGBA }"),
        src: "video/x-raw(memory:NVMM), format={ I420, NV12, P010_10LE, BGRx, RGBA }",
        inside: "videoconvert ! capsfilter caps=video/x-raw,format=NV12",
        properties: Vec::new,
        action: None,
    }
);

stand_in!(
    gst_c2venc,
    Sheet {
        factory: "qtic2venc",
        from: "gst-plugins-imsdk, gst-plugin-codec2/c2venc/c2venc.c",
        sink: Some(
            "video/x-raw, format={ NV12, P010_10LE }; video/x-raw(memory:GBM), format={ NV12, P010_10LE }"
        ),
        src: "video/x-h264, stream-format={ byte-stream, avc3 }, alignment=au",
        inside: encoder!(),
        properties: super::c2venc_properties,
        action: None,
    }
);

pub(super) fn c2venc_properties() -> Vec<ParamSpec> {
    vec![
        choice::<C2Rate>("control-rate"),
        number("target-bitrate", u32::MAX),
        glib::ParamSpecInt::builder("idr-interval").minimum(-1).default_value(i32::MAX).build(),
        number("intra-refresh-period", 0),
        number("b-frames", u32::MAX),
        number("quant-i-frames", u32::MAX),
        number("quant-p-frames", u32::MAX),
        number("slice-size", 0),
        number("num-ltr-frames", 0),
        glib::ParamSpecInt::builder("priority").build(),
        glib::ParamSpecInt::builder("vbv-delay").build(),
    ]
}

stand_in!(
    gst_v4l2,
    Sheet {
        factory: "v4l2h264enc",
        from: "gst-plugins-good, sys/v4l2/gstv4l2object.c; not the properties of after 1.28",
        sink: Some("video/x-raw, format={ NV12, I420, YUY2, UYVY }"),
        src: "video/x-h264, stream-format=byte-stream, alignment=au",
        inside: encoder!(),
        properties: super::v4l2_properties,
        action: None,
    }
);

pub(super) fn v4l2_properties() -> Vec<ParamSpec> {
    let mode = choice::<IoMode>;
    vec![text("device"), mode("output-io-mode"), mode("capture-io-mode"), controls()]
}

stand_in!(
    gst_va,
    Sheet {
        factory: "vah264enc",
        from: "gst-plugins-bad, sys/va/gstvah264enc.c",
        sink: Some("video/x-raw(memory:VAMemory), format=NV12; video/x-raw, format=NV12"),
        src: "video/x-h264, stream-format=byte-stream, alignment=au",
        inside: encoder!(),
        properties: super::va_properties,
        action: None,
    }
);

fn va_properties() -> Vec<ParamSpec> {
    vec![
        number("key-int-max", 0),
        number("b-frames", 0),
        number("i-frames", 0),
        number("ref-frames", 3),
        flag("b-pyramid"),
        number("num-slices", 1),
        number("max-qp", 51),
        number("min-qp", 1),
        flag("dct8x8"),
        flag("cabac"),
        flag("aud"),
        number("bitrate", 0),
        number("target-percentage", 66),
        number("target-usage", 4),
        number("cpb-size", 0),
        choice::<VaRate>("rate-control"),
    ]
}

stand_in!(
    gst_vavpp,
    Sheet {
        factory: "vapostproc",
        from: "gst-plugins-bad, sys/va/gstvavpp.c",
        sink: Some("video/x-raw, format={ NV12, I420, YUY2, UYVY, BGRx, RGBA }"),
        src: "video/x-raw(memory:VAMemory), format={ NV12, I420, YUY2 }",
        inside: "videoconvert ! capsfilter caps=video/x-raw,format=NV12",
        properties: super::vavpp_properties,
        action: None,
    }
);

fn vavpp_properties() -> Vec<ParamSpec> {
    vec![flag("disable-passthrough"), flag("add-borders")]
}

pub(super) fn number(name: &str, default: u32) -> ParamSpec {
    glib::ParamSpecUInt::builder(name).default_value(default).build()
}

pub(super) fn flag(name: &str) -> ParamSpec {
    glib::ParamSpecBoolean::builder(name).build()
}

fn text(name: &str) -> ParamSpec {
    glib::ParamSpecString::builder(name).build()
}

fn controls() -> ParamSpec {
    glib::ParamSpecBoxed::builder::<gst::Structure>("extra-controls").build()
}

pub(super) fn choice<E>(name: &str) -> ParamSpec
where
    E: Default + StaticType + IntoGlib<GlibType = i32> + FromGlib<i32>,
{
    glib::ParamSpecEnum::builder_with_default(name, E::default()).build()
}
