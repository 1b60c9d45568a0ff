// SPDX-License-Identifier: MIT OR Apache-2.0
//! How each encoder is told what the service wants of it: the one table, for what a worker sets while
//! the encoder runs, and for what the board files set before.

use std::fmt;

use Setting::{Caps, Control, Property};
use Unit::{Bits, Kilobits};

use crate::wire::Codec::{self, H264, H265};

/// Where a setting is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A property of the element.
    Property(&'static str),
    /// A V4L2 control of the driver, in the element's `extra-controls`.
    Control(&'static str),
    /// A field of the caps that follow the element.
    Caps(&'static str),
}

/// In what a rate is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bits per second.
    Bits,
    /// 1000 bits per second.
    Kilobits,
}

/// How a keyframe is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyframe {
    /// By GStreamer's event, as encoders do that are written against its base class.
    Event,
    /// By an action of the element, which lets the event pass.
    Action(&'static str),
}

/// A setting that must have one of these values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Which.
    pub setting: Setting,
    /// The values that it may have.
    pub values: &'static [&'static str],
    /// Whether it has one of them without being set.
    pub by_default: bool,
}

/// What is set in a board file, before the encoder runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The most pictures from one keyframe to the next, by one of these.
    pub period: &'static [Setting],
    /// What every browser plays that has the codec: baseline of H.264, main of H.265. VP8 has
    /// nothing to choose, and some encoders of H.265 make nothing else.
    pub profile: &'static [(Codec, Fixed)],
    /// So that no picture waits for another.
    pub latency: &'static [Fixed],
    /// What else board files set.
    pub others: &'static [Setting],
}

/// One encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoder {
    /// Its element factory.
    pub factory: &'static str,
    /// Its rate, which may be changed while it runs.
    pub rate: (Setting, Unit),
    /// A keyframe on demand.
    pub keyframe: Keyframe,
    /// Whether it encodes by the CPU, and so can be trusted with another size or frame rate while it
    /// runs. A driver may hang, or want all of its buffers back first.
    pub software: bool,
    /// `None` where no board file has it, and so nobody has looked.
    pub written: Option<Written>,
}

/// The encoder of this element factory, if it is known.
pub fn encoder(factory: &str) -> Option<&'static Encoder> {
    ENCODERS.iter().find(|encoder| encoder.factory == factory)
}

const fn known(factory: &'static str, rate: (Setting, Unit)) -> Encoder {
    Encoder { factory, rate, keyframe: Keyframe::Event, software: false, written: None }
}

const fn fixed(setting: Setting, values: &'static [&'static str]) -> Fixed {
    Fixed { setting, values, by_default: false }
}

const fn default(setting: Setting, values: &'static [&'static str]) -> Fixed {
    Fixed { setting, values, by_default: true }
}

/// Constrained baseline is baseline without what no encoder here uses.
const BASELINE: &[&str] = &["constrained-baseline", "baseline"];

const MAIN: &[&str] = &["main"];

/// Every encoder that is known. Where the names of a board's come from is in its file.
pub const ENCODERS: &[Encoder] = &[
    Encoder {
        written: Some(Written {
            period: &[Property("gop")],
            profile: &[(H264, fixed(Property("profile"), &["baseline"]))],
            latency: &[],
            others: &[Property("header-mode"), Property("level"), Property("rc-mode")],
        }),
        ..known("mpph264enc", (Property("bps"), Bits))
    },
    Encoder {
        written: Some(Written {
            period: &[Property("gop")],
            profile: &[],
            latency: &[],
            others: &[Property("header-mode"), Property("rc-mode")],
        }),
        ..known("mpph265enc", (Property("bps"), Bits))
    },
    known("msdkh264enc", (Property("bitrate"), Kilobits)),
    known("nvh264enc", (Property("bitrate"), Kilobits)),
    Encoder {
        keyframe: Keyframe::Action("force-IDR"),
        written: Some(Written {
            period: &[Property("idrinterval")],
            profile: &[(H264, default(Property("profile"), &["Baseline"]))],
            latency: &[default(Property("num-B-Frames"), &["0"])],
            others: &[
                Property("control-rate"),
                Property("iframeinterval"),
                Property("insert-sps-pps"),
            ],
        }),
        ..known("nvv4l2h264enc", (Property("bitrate"), Bits))
    },
    Encoder {
        keyframe: Keyframe::Action("force-IDR"),
        written: Some(Written {
            period: &[Property("idrinterval")],
            profile: &[(H265, default(Property("profile"), &["Main"]))],
            latency: &[],
            others: &[
                Property("control-rate"),
                Property("iframeinterval"),
                Property("insert-sps-pps"),
            ],
        }),
        ..known("nvv4l2h265enc", (Property("bitrate"), Bits))
    },
    known("omxh264enc", (Property("target-bitrate"), Bits)),
    Encoder { software: true, ..known("openh264enc", (Property("bitrate"), Bits)) },
    known("qsvh264enc", (Property("bitrate"), Kilobits)),
    Encoder {
        written: Some(Written {
            period: &[Property("idr-interval")],
            profile: &[
                (H264, fixed(Caps("profile"), BASELINE)),
                (H265, fixed(Caps("profile"), MAIN)),
            ],
            latency: &[fixed(Property("b-frames"), &["0"])],
            others: &[Property("control-rate"), Caps("level"), Caps("tier")],
        }),
        ..known("qtic2venc", (Property("target-bitrate"), Bits))
    },
    Encoder {
        written: Some(Written {
            period: &[Control("video_gop_size"), Control("h264_i_frame_period")],
            profile: &[(H264, fixed(Caps("profile"), BASELINE))],
            latency: &[default(Control("video_b_frames"), &["0"])],
            others: &[
                Control("frame_level_rate_control_enable"),
                Control("prepend_sps_and_pps_to_idr"),
                Control("repeat_sequence_header"),
                Control("sequence_header_mode"),
                Control("video_bitrate_mode"),
                Caps("level"),
            ],
        }),
        ..known("v4l2h264enc", (Control("video_bitrate"), Bits))
    },
    Encoder {
        written: Some(Written {
            period: &[Control("video_gop_size")],
            profile: &[(H265, fixed(Caps("profile"), MAIN))],
            latency: &[default(Control("video_b_frames"), &["0"])],
            others: &[
                Control("frame_level_rate_control_enable"),
                Control("prepend_sps_and_pps_to_idr"),
                Control("sequence_header_mode"),
                Control("video_bitrate_mode"),
                Caps("level"),
            ],
        }),
        ..known("v4l2h265enc", (Control("video_bitrate"), Bits))
    },
    known("v4l2vp8enc", (Control("video_bitrate"), Bits)),
    known("vaapih264enc", (Property("bitrate"), Kilobits)),
    Encoder {
        written: Some(Written {
            period: &[Property("key-int-max")],
            profile: &[(H264, fixed(Caps("profile"), BASELINE))],
            latency: &[default(Property("b-frames"), &["0"])],
            others: &[Property("rate-control"), Property("ref-frames")],
        }),
        ..known("vah264enc", (Property("bitrate"), Kilobits))
    },
    known("vah264lpenc", (Property("bitrate"), Kilobits)),
    Encoder {
        written: Some(Written {
            period: &[Property("key-int-max")],
            profile: &[(H265, fixed(Caps("profile"), MAIN))],
            latency: &[default(Property("b-frames"), &["0"])],
            others: &[Property("rate-control"), Property("ref-frames")],
        }),
        ..known("vah265enc", (Property("bitrate"), Kilobits))
    },
    known("vah265lpenc", (Property("bitrate"), Kilobits)),
    Encoder {
        software: true,
        written: Some(Written {
            period: &[Property("keyframe-max-dist")],
            profile: &[],
            latency: &[
                default(Property("lag-in-frames"), &["0"]),
                fixed(Property("deadline"), &["1"]),
            ],
            others: &[
                Property("cpu-used"),
                Property("end-usage"),
                Property("error-resilient"),
                Property("threads"),
            ],
        }),
        ..known("vp8enc", (Property("target-bitrate"), Bits))
    },
    Encoder {
        written: Some(Written {
            period: &[Property("gop-size")],
            profile: &[(H264, fixed(Property("profile"), &["9"]))],
            latency: &[],
            others: &[Property("level")],
        }),
        ..known("vpuenc_h264", (Property("bitrate"), Kilobits))
    },
    Encoder {
        written: Some(Written {
            period: &[Property("gop-size")],
            profile: &[(H265, fixed(Property("profile"), &["0"]))],
            latency: &[],
            others: &[Property("level")],
        }),
        ..known("vpuenc_hevc", (Property("bitrate"), Kilobits))
    },
    Encoder {
        software: true,
        written: Some(Written {
            period: &[Property("key-int-max")],
            profile: &[(H264, fixed(Caps("profile"), BASELINE))],
            latency: &[
                fixed(Property("tune"), &["zerolatency"]),
                fixed(Property("bframes"), &["0"]),
            ],
            others: &[Property("speed-preset")],
        }),
        ..known("x264enc", (Property("bitrate"), Kilobits))
    },
    Encoder { software: true, ..known("x265enc", (Property("bitrate"), Kilobits)) },
];

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Property(name) => write!(f, "`{name}`"),
            Control(name) => write!(f, "control `{name}`"),
            Caps(name) => write!(f, "caps `{name}`"),
        }
    }
}
