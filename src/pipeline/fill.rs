// SPDX-License-Identifier: MIT OR Apache-2.0
//! Placeholders, and the values that fill them.

use std::path::PathBuf;

/// What fills the placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    /// `${device}`, absolute; needed by boards with a node.
    pub device: Option<PathBuf>,
    /// `${width}`, pixels.
    pub width: u32,
    /// `${height}`, pixels.
    pub height: u32,
    /// `${framerate}`, frames per second.
    pub framerate: u32,
    /// `${bitrate}`, bits per second; `${bitrate_kbit}` is the same in kilobits per second.
    pub bitrate: u32,
}

/// The placeholder of the camera's node; every other one is a number.
pub(super) const DEVICE: &str = "device";

/// Every placeholder.
pub const PLACEHOLDERS: &[&str] =
    &[DEVICE, "width", "height", "framerate", "bitrate", "bitrate_kbit"];

/// A piece of a text with placeholders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// As it stands.
    Text(&'a str),
    /// `${name}`, known or not.
    Placeholder(&'a str),
}

/// Takes `text` apart at its placeholders. A `${` that is not closed is text, without end.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if let Some((name, after)) = rest.strip_prefix("${").and_then(|r| r.split_once('}')) {
            rest = after;
            return Some(Piece::Placeholder(name));
        }
        // Beyond a `${` that is not closed, if the text begins with one.
        let skip = if rest.starts_with("${") { 2 } else { 0 };
        let end = rest[skip..].find("${").map_or(rest.len(), |at| at + skip);
        let (text, after) = rest.split_at(end);
        rest = after;
        (!text.is_empty()).then_some(Piece::Text(text))
    })
}

/// Fills every placeholder of `text`.
///
/// # Errors
/// What keeps a value from being written.
pub(super) fn fill(text: &str, values: &Values) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len() + 64);
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Placeholder(name) => filled.push_str(&value(name, values)?),
        }
    }
    Ok(filled)
}

fn value(name: &str, values: &Values) -> Result<String, String> {
    Ok(match name {
        "width" => values.width.to_string(),
        "height" => values.height.to_string(),
        "framerate" => values.framerate.to_string(),
        "bitrate" => values.bitrate.to_string(),
        "bitrate_kbit" => (values.bitrate / 1000).max(1).to_string(),
        DEVICE => {
            let device = values.device.as_ref().ok_or("the board needs a device")?;
            let device = device.to_str().ok_or("the device's path is not UTF-8")?;
            check_device(device)?;
            escape(device)
        }
        unknown => return Err(format!("unknown placeholder `${{{unknown}}}`")),
    })
}

/// Whether a device's path can be written into a pipeline: it is absolute (gst-launch strips a
/// leading quote), has no control character, and no backslash (gst-launch's longest match takes a
/// backslash at the end of a word, doubled or not, together with the space after it).
///
/// # Errors
/// What is wrong with it.
pub fn check_device(device: &str) -> Result<(), String> {
    if !device.starts_with('/') {
        return Err(format!("`{device}` is not an absolute path"));
    }
    match device.chars().find(|c| *c == '\\' || c.is_control()) {
        Some(c) => Err(format!("`{}` contains {c:?}", device.escape_debug())),
        None => Ok(()),
    }
}

/// Puts a backslash before every character that might mean something to gst-launch.
fn escape(device: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.:,@+".contains(c);
    let mut escaped = String::with_capacity(device.len());
    for c in device.chars() {
        if !plain(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_apart_at_its_placeholders() {
        use Piece::*;
        let taken = |text| pieces(text).collect::<Vec<_>>();
        assert_eq!(taken("a${b}c"), [Text("a"), Placeholder("b"), Text("c")]);
        assert_eq!(taken("${b}${c}"), [Placeholder("b"), Placeholder("c")]);
        assert_eq!(taken("${a"), [Text("${a")]);
        assert_eq!(taken("$a {b}"), [Text("$a {b}")]);
        assert_eq!(taken(""), []);
    }

    #[test]
    fn a_device_that_could_break_out_is_escaped_or_refused() {
        assert_eq!(escape("/dev/my cam\"! x"), "/dev/my\\ cam\\\"\\!\\ x");
        for bad in ["video0", "", "/dev/a\\", "/dev/a\nb", "/dev/\0"] {
            assert!(check_device(bad).is_err(), "{bad:?}");
        }
    }
}
