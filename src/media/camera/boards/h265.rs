// SPDX-License-Identifier: MIT OR Apache-2.0
//! The boards' encoders of H.265, as their sources have them.

use gst::glib::{self, ParamSpec};

use super::choices::{NvH265Profile, VaRate};
use super::sheets::{choice, flag, mpp_base, number, nv_base, range, vpuenc_base};
use super::standin::stand_in;

/// What makes H.265 in place of hardware, of pictures in any format: x265 would keep 4:2:2. Level 3.1 is
/// what the board files ask for.
macro_rules! encoder {
    () => {
        "videoconvert ! capsfilter caps=video/x-raw,format=I420 \
         ! x265enc name=inside tune=zerolatency speed-preset=ultrafast option-string=level-idc=31"
    };
}

/// Registers all but that of Codec2, which shares its name with that of H.264.
pub(super) fn register() {
    vpuenc::register();
    mpp::register();
    nv::register();
    v4l2::register();
    va::register();
}

/// Registers that in place of the one of H.264.
pub(super) fn register_c2venc() {
    c2venc::register();
}

stand_in!(
    vpuenc,
    Sheet {
        factory: "vpuenc_hevc",
        from: "imx-gst1.0-plugin, plugins/vpu/gstvpuenc.c, as on the i.MX 8M Plus",
        sink: Some(
            "video/x-raw, format={ NV12, I420, YUY2, UYVY, RGBA, RGBx, RGB16, RGB15, BGRA, BGRx, BGR16 }, \
                width=[ 64, 1920 ], height=[ 64, 1088 ]"
        ),
        src: "video/x-h265, variant=itu, width=[ 64, 1920 ], height=[ 64, 1088 ]",
        inside: encoder!(),
        properties: super::vpuenc_properties,
        action: None,
    }
);

fn vpuenc_properties() -> Vec<ParamSpec> {
    let mut all = vpuenc_base();
    all.extend([range("profile", 0, 2, 0), range("level", 30, 180, 153)]);
    all
}

stand_in!(
    mpp,
    Sheet {
        factory: "mpph265enc",
        from: "gstreamer-rockchip, gst/rockchipmpp/gstmppenc.c, gstmpph265enc.c",
        sink: Some(
            "video/x-raw, format={ NV12, I420, YUY2, UYVY, BGR16, RGB16, BGRA, RGBA, BGRx, RGBx, NV24, Y444 }"
        ),
        src: "video/x-h265, stream-format=byte-stream, alignment=au",
        inside: encoder!(),
        properties: super::mpp_properties,
        action: None,
    }
);

fn mpp_properties() -> Vec<ParamSpec> {
    let mut all = mpp_base();
    all.extend([
        number("qp-init", 26),
        number("qp-min", 0),
        number("qp-max", 0),
        number("qp-min-i", 0),
        number("qp-max-i", 0),
        range("qp-delta-ip", -1, 8, -1),
    ]);
    all
}

stand_in!(
    nv,
    Sheet {
        factory: "nvv4l2h265enc",
        from: "gst-nvvideo4linux2, gst-v4l2/gstv4l2videoenc.c, gstv4l2h265enc.c",
        sink: Some("video/x-raw(memory:NVMM), format={ I420, NV12, P010_10LE }"),
        src: "video/x-h265, stream-format=byte-stream, alignment=au",
        inside: encoder!(),
        properties: super::nv_properties,
        action: Some("force-IDR"),
    }
);

fn nv_properties() -> Vec<ParamSpec> {
    let mut all = nv_base();
    all.extend([
        choice::<NvH265Profile>("profile"),
        flag("insert-sps-pps"),
        flag("insert-vui"),
        flag("insert-aud"),
        flag("bit-packetization"),
        glib::ParamSpecUInt64::builder("slice-header-spacing").build(),
        flag("EnableMVBufferMeta"),
        number("SliceIntraRefreshInterval", 60),
        flag("EnableTwopassCBR"),
    ]);
    all
}

stand_in!(
    c2venc,
    Sheet {
        factory: "qtic2venc",
        from: "gst-plugins-imsdk, gst-plugin-codec2/c2venc/c2venc.c",
        sink: Some(
            "video/x-raw, format={ NV12, P010_10LE }; video/x-raw(memory:GBM), format={ NV12, P010_10LE }"
        ),
        src: "video/x-h265, stream-format={ byte-stream, hev1 }, alignment=au",
        inside: encoder!(),
        properties: super::super::sheets::c2venc_properties,
        action: None,
    }
);

stand_in!(
    v4l2,
    Sheet {
        factory: "v4l2h265enc",
        from: "gst-plugins-good, sys/v4l2/gstv4l2object.c; not the properties of after 1.28",
        sink: Some("video/x-raw, format={ NV12, I420, YUY2, UYVY }"),
        src: "video/x-h265, stream-format=byte-stream, alignment=au",
        inside: encoder!(),
        properties: super::super::sheets::v4l2_properties,
        action: None,
    }
);

stand_in!(
    va,
    Sheet {
        factory: "vah265enc",
        from: "gst-plugins-bad, sys/va/gstvah265enc.c",
        sink: Some("video/x-raw(memory:VAMemory), format=NV12; video/x-raw, format=NV12"),
        src: "video/x-h265, stream-format=byte-stream, alignment=au",
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
        number("qpi", 26),
        number("qpp", 26),
        number("qpb", 26),
        flag("trellis"),
        flag("aud"),
        number("bitrate", 0),
        number("target-percentage", 66),
        number("target-usage", 4),
        number("cpb-size", 0),
        number("num-tile-cols", 1),
        number("num-tile-rows", 1),
        choice::<VaRate>("rate-control"),
    ]
}
