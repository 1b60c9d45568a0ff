// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a description says of H.265 (RFC 7798, 7.1): profile, tier, level and how it is sent.

use std::fmt;

/// The main profile, as `profile-id` has it.
const MAIN: u8 = 1;

/// A format of H.265 that a decoder takes, or that we make. What is not said has the default that
/// RFC 7798 gives it, but for the level: Safari says nothing at all, and decodes far more than 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    /// `None`: not one that exists.
    profile: Option<u8>,
    high_tier: bool,
    /// Thirty times the level. `None`: not said.
    level: Option<u8>,
    /// `tx-mode` SRST, which is all that WebRTC has.
    single_stream: bool,
}

impl Format {
    /// From the parameters of `a=fmtp`.
    pub(super) fn read<'a>(parameter: impl Fn(&str) -> Option<&'a str>) -> Self {
        let number = |name: &str| parameter(name).map(|value| value.parse::<u8>().ok());
        let space = number("profile-space").unwrap_or(Some(0));
        Self {
            profile: number("profile-id").unwrap_or(Some(MAIN)).filter(|_| space == Some(0)),
            high_tier: number("tier-flag").unwrap_or(Some(0)) != Some(0),
            level: number("level-id").flatten(),
            single_stream: parameter("tx-mode").is_none_or(|mode| mode == "SRST"),
        }
    }

    /// What our encoders make: main profile and tier.
    pub(super) fn made(level: Option<u8>) -> Self {
        Self { profile: Some(MAIN), high_tier: false, level, single_stream: true }
    }

    /// Whether a decoder that says this takes a stream of ours of this level, if that is known.
    /// Profile and tier are equal on both sides (RFC 7798, 7.2.2).
    pub(super) fn takes(self, level: Option<u8>) -> bool {
        let enough = level.zip(self.level).is_none_or(|(made, taken)| made <= taken);
        enough && Self { level, ..self } == Self::made(level)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.profile {
            Some(MAIN) => f.write_str("main")?,
            Some(profile) => write!(f, "profile {profile}")?,
            None => f.write_str("of no known profile")?,
        }
        if self.high_tier {
            f.write_str(" high tier")?;
        }
        if let Some(level) = self.level {
            write!(f, " level {}", f64::from(level) / 30.0)?;
        }
        if !self.single_stream {
            f.write_str(" in several streams")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fmtp: &str) -> Format {
        Format::read(|name| {
            let mut pairs = fmtp.split(';').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        })
    }

    #[test]
    fn a_decoder_takes_its_profile_and_tier_up_to_its_level() {
        // Chromium with a decoder, older and newer; Safari.
        for taken in [
            "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST",
            "level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST",
            "",
        ] {
            assert!(read(taken).takes(Some(93)), "{taken}");
            assert!(read(taken).takes(None), "{taken}");
        }
        assert!(!read("level-id=93").takes(Some(120)));
        assert!(read("").takes(Some(120)), "who says no level");
        for refused in [
            "profile-id=2",
            "profile-id=x",
            "profile-id=256",
            "tier-flag=1",
            "tier-flag=x",
            "tx-mode=MRST",
            "profile-space=1",
        ] {
            assert!(!read(refused).takes(Some(93)), "{refused}");
        }
    }

    #[test]
    fn formats_are_named() {
        assert_eq!(Format::made(Some(93)).to_string(), "main level 3.1");
        assert_eq!(read("level-id=120;tier-flag=1").to_string(), "main high tier level 4");
        assert_eq!(read("profile-id=2;tx-mode=MRST").to_string(), "profile 2 in several streams");
        assert_eq!(read("profile-id=").to_string(), "of no known profile");
    }
}
