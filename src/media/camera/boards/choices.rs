// SPDX-License-Identifier: MIT OR Apache-2.0
//! The enumerations of the stand-ins' properties, by the names that their values have in text.

use gst::glib;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "StandInC2Rate")]
pub(super) enum C2Rate {
    #[default]
    #[enum_value(nick = "disable")]
    Disable = 0,
    #[enum_value(nick = "constant")]
    Constant = 1,
    #[enum_value(nick = "CBR-VFR")]
    CbrVfr = 2,
    #[enum_value(nick = "VBR-CFR")]
    VbrCfr = 3,
    #[enum_value(nick = "VBR-VFR")]
    VbrVfr = 4,
    #[enum_value(nick = "CQ")]
    Quality = 5,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "StandInIoMode")]
pub(super) enum IoMode {
    #[default]
    #[enum_value(nick = "auto")]
    Auto = 0,
    #[enum_value(nick = "rw")]
    Rw = 1,
    #[enum_value(nick = "mmap")]
    Mmap = 2,
    #[enum_value(nick = "userptr")]
    Userptr = 3,
    #[enum_value(nick = "dmabuf")]
    Dmabuf = 4,
    #[enum_value(nick = "dmabuf-import")]
    DmabufImport = 5,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "StandInMppHeaderMode")]
pub(super) enum MppHeaderMode {
    #[default]
    #[enum_value(nick = "first-frame")]
    FirstFrame = 0,
    #[enum_value(nick = "each-idr")]
    EachIdr = 1,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "StandInMppLevel")]
pub(super) enum MppLevel {
    #[default]
    #[enum_value(nick = "3")]
    L3 = 30,
    #[enum_value(nick = "3.1")]
    L31 = 31,
    #[enum_value(nick = "3.2")]
    L32 = 32,
    #[enum_value(nick = "4")]
    L4 = 40,
    #[enum_value(nick = "5")]
    L5 = 50,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "StandInMppProfile")]
pub(super) enum MppProfile {
    #[default]
    #[enum_value(nick = "high")]
    High = 100,
    #[enum_value(nick = "main")]
    Main = 77,
    #[enum_value(nick = "baseline")]
    Baseline = 66,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "StandInMppRateMode")]
pub(super) enum MppRateMode {
    #[default]
    #[enum_value(nick = "vbr")]
    Vbr = 0,
    #[enum_value(nick = "cbr")]
    Cbr = 1,
    #[enum_value(nick = "fixqp")]
    FixQp = 2,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "StandInNvH265Profile")]
pub(super) enum NvH265Profile {
    #[default]
    #[enum_value(nick = "Main")]
    Main = 0,
    #[enum_value(nick = "Main10")]
    Main10 = 1,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "StandInNvRate")]
pub(super) enum NvRate {
    #[default]
    #[enum_value(nick = "variable_bitrate")]
    Variable = 0,
    #[enum_value(nick = "constant_bitrate")]
    Constant = 1,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "StandInVaRate")]
pub(super) enum VaRate {
    #[default]
    #[enum_value(nick = "cqp")]
    Cqp = 16,
    #[enum_value(nick = "cbr")]
    Cbr = 2,
    #[enum_value(nick = "vbr")]
    Vbr = 4,
}
