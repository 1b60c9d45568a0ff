// SPDX-License-Identifier: MIT OR Apache-2.0
//! `profile-level-id` of H.264 (RFC 6184, 8.1): profile_idc, profile-iop and level_idc.

use std::fmt;

/// Six hex digits, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProfileLevel {
    idc: u8,
    iop: u8,
    level: u8,
}

/// What a decoder must know to play the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    ConstrainedHigh,
    High,
    /// Another one, equal only to itself.
    Other(u8, u8),
}

impl ProfileLevel {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let number = u32::from_str_radix(text, 16).ok()?;
        let [_, idc, iop, level] = number.to_be_bytes();
        Some(Self { idc, iop, level })
    }

    /// Ten times the level: 31 is 3.1.
    pub(super) fn level(self) -> u8 {
        self.level
    }

    /// By RFC 6184, table 5: the constraint flags say of which profiles the stream is a part.
    pub(super) fn profile(self) -> Profile {
        let set = |flag: u8| self.iop & (0x80 >> flag) != 0;
        match self.idc {
            0x42 if set(1) => Profile::ConstrainedBaseline,
            0x42 => Profile::Baseline,
            0x4d if set(0) => Profile::ConstrainedBaseline,
            0x4d => Profile::Main,
            0x58 if set(0) && set(1) => Profile::ConstrainedBaseline,
            0x58 if set(0) => Profile::Baseline,
            0x64 if set(4) && set(5) => Profile::ConstrainedHigh,
            0x64 => Profile::High,
            idc => Profile::Other(idc, self.iop),
        }
    }
}

impl fmt::Display for ProfileLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}{:02x}", self.idc, self.iop, self.level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_told_apart_as_browsers_write_them() {
        for (text, profile) in [
            ("42e01f", Profile::ConstrainedBaseline),
            ("42c01e", Profile::ConstrainedBaseline),
            ("42001f", Profile::Baseline),
            ("4d001f", Profile::Main),
            ("640c1f", Profile::ConstrainedHigh),
            ("64001f", Profile::High),
            ("f4001f", Profile::Other(0xf4, 0)),
        ] {
            let parsed = ProfileLevel::parse(text).unwrap();
            assert_eq!(parsed.profile(), profile, "{text}");
            assert_eq!(parsed.to_string(), text);
        }
        assert_eq!(ProfileLevel::parse("42E01F").unwrap().to_string(), "42e01f");
        for bad in ["", "42e01", "42e01f0", "+2e01f", "zzzzzz", "é2e0"] {
            assert_eq!(ProfileLevel::parse(bad), None, "{bad}");
        }
    }
}
