// SPDX-License-Identifier: MIT OR Apache-2.0
//! What may be written in the configuration: the one table that parsing, the message about an
//! unknown key, variables and the documentation share.

use std::time::Duration;

use super::schema::{Key, Kind, Schema, Section};
use super::switches::InputCode;
use crate::lifecycle::steps::{STEPS, UNDOS};
use crate::wire::Codec;

/// Sections whose keys can also be given by a variable:
/// `SHUTTERD_<SECTION>_<KEY>`, in capitals, with `_` for `-`; a list is written with commas.
pub const VARIABLE_SECTIONS: &[&str] = &["http", "session", "webrtc"];

/// Variables with our prefix that are not configuration: the log filter.
pub const OTHER_VARIABLES: &[&str] = &["SHUTTERD_LOG"];

/// The shortest limit of a session that is one.
pub(super) const SHORTEST_SESSION: Duration = Duration::from_secs(1);
const DEADLINE: Kind = Kind::Duration(Duration::from_millis(10), Duration::from_secs(60));

/// The schema of configuration files.
#[rustfmt::skip]
pub fn schema() -> Schema {
    let section = |path, keys: &[Key]| Section { path, repeated: false, keys: keys.to_vec() };
    Schema { sections: vec![
        section("http", &[
            Key { name: "listen", kind: Kind::Address, example: "\"127.0.0.1:8787\"",
                doc: "write the IP address and port to listen on; port 0 takes a free one" },
            Key { name: "allowed-origins", kind: Kind::Texts(origin), example: "[]",
                doc: "write the origins of other pages that may use the API, `https://host:port`" },
        ]),
        section("control", &[
            Key { name: "socket", kind: Kind::Text(path), example: "\"/run/shutterd/control.sock\"",
                doc: "write the absolute path of the control socket" },
        ]),
        section("journal", &[
            Key { name: "storage", kind: Kind::Choice(&["persistent", "volatile"]), example: "\"persistent\"",
                doc: "write whether the sessions are kept on disk, or the last ones in memory only" },
            Key { name: "directory", kind: Kind::Text(path), example: "\"/var/lib/shutterd\"",
                doc: "write the absolute path of the directory in which the sessions are kept" },
            Key { name: "max-size", kind: Kind::Size(256 << 10, 64 << 20), example: "\"8M\"",
                doc: "write how large the journal may grow, 256K to 64M; the oldest sessions make room" },
        ]),
        section("media", &[
            Key { name: "worker", kind: Kind::Text(path), example: "\"/usr/libexec/shutterd/shutter-media\"",
                doc: "write the absolute path of the media worker's binary, or leave it out" },
            Key { name: "pipelines", kind: Kind::Texts(path), example: "[\"/etc/shutterd/pipelines\", \"/usr/share/shutterd/pipelines\"]",
                doc: "write the absolute paths of the directories of board files; the first match wins" },
            Key { name: "prewarm", kind: Kind::Flag, example: "true",
                doc: "write whether a spare worker of each kind is kept warm" },
        ]),
        Section { path: "camera", repeated: true, keys: vec![
            Key { name: "name", kind: Kind::Text(name), example: "\"head\"",
                doc: "write the camera's name in URLs, 1 to 32 of a-z 0-9 - _" },
            Key { name: "device", kind: Kind::Text(device), example: "\"/dev/video0\"",
                doc: "write the absolute path of the camera's node" },
            Key { name: "board", kind: Kind::Text(name), example: "\"v4l2-software\"",
                doc: "write the name of a board file without `.toml`" },
            Key { name: "led", kind: Kind::Text(led), example: "\"auto\"",
                doc: "write the name of an LED in /sys/class/leds that must follow the camera, `auto` or `none`" },
            Key { name: "width", kind: Kind::Number(16, 8192), example: "1280",
                doc: "write pixels, an even number from 16 to 8192" },
            Key { name: "height", kind: Kind::Number(16, 8192), example: "720",
                doc: "write pixels, an even number from 16 to 8192" },
            Key { name: "framerate", kind: Kind::Number(1, 240), example: "30",
                doc: "write frames per second, 1 to 240" },
            Key { name: "bitrate", kind: Kind::Number(50_000, 100_000_000), example: "2000000",
                doc: "write bits per second, 50000 to 100000000, or leave it out: it follows the size" },
            Key { name: "codecs", kind: Kind::Texts(codec), example: "[\"h264\"]",
                doc: "write which codecs of its board it may have, the preferred one first, or leave it out: all" },
            Key { name: "max-viewers", kind: Kind::Number(1, 64), example: "8",
                doc: "write how many may watch at once, 1 to 64" },
            Key { name: "camera-opens", kind: Kind::Choice(&["before-offer", "beside-negotiation", "after-connected"]), example: "\"beside-negotiation\"",
                doc: "write when the camera opens: `before-offer`, `beside-negotiation` or `after-connected`" },
            Key { name: "reopen-within", kind: Kind::Duration(Duration::ZERO, Duration::from_secs(3600)), example: "\"30s\"",
                doc: "write how long a camera that fails while viewers watch is tried to be opened again, up to 1h; 0s is not at all" },
            Key { name: "recover", kind: Kind::Texts(argument), example: "[]",
                doc: "write the command, with arguments, that frees a camera which stays held" },
        ]},
        section("sleep", &[
            Key { name: "cameras", kind: Kind::Choice(&["close", "ignore"]), example: "\"close\"",
                doc: "write whether cameras are closed before the device sleeps, and sleep waits for it" },
        ]),
        Section { path: "switch", repeated: true, keys: vec![
            Key { name: "name", kind: Kind::Text(name), example: "\"lens-cover\"",
                doc: "write the switch's name for the log, 1 to 32 of a-z 0-9 - _" },
            Key { name: "means", kind: Kind::Choice(&["lens-cover", "privacy", "worn"]), example: "\"lens-cover\"",
                doc: "write what it is: a `lens-cover`, a `privacy` switch, or whether the headset is `worn`" },
            Key { name: "device", kind: Kind::Text(input_device), example: "\"auto\"",
                doc: "write the absolute path of the input device, or `auto`: every one that has the event" },
            Key { name: "event", kind: Kind::Text(input_code), example: "\"SW_CAMERA_LENS_COVER\"",
                doc: "write the kernel's name of the switch or key, `SW_…` or `KEY_…`" },
            Key { name: "shut", kind: Kind::Choice(&["on", "off", "toggle"]), example: "\"on\"",
                doc: "write when it shuts: `on`, `off`, or `toggle` for a key that is pressed for a change" },
            Key { name: "delay", kind: Kind::Duration(Duration::ZERO, Duration::from_secs(3600)), example: "\"0s\"",
                doc: "write how long it must be so before cameras are closed, up to 1h" },
            Key { name: "cameras", kind: Kind::Texts(name), example: "[]",
                doc: "write the names of the cameras that it concerns; none is every camera" },
        ]},
        Section { path: "push", repeated: true, keys: vec![
            Key { name: "camera", kind: Kind::Text(name), example: "\"head\"",
                doc: "write the name of the camera that is sent there" },
            Key { name: "whip", kind: Kind::Text(whip), example: "\"https://media.example/whip/head\"",
                doc: "write the address of the server's WHIP endpoint, `https://…`" },
            Key { name: "token-file", kind: Kind::Text(path), example: "\"/etc/shutterd/push.token\"",
                doc: "write the absolute path of the file with the bearer token that the server wants" },
        ]},
        section("session", &[
            Key { name: "max-duration", kind: Kind::Duration(Duration::ZERO, Duration::from_secs(30 * 86_400)), example: "\"0s\"",
                doc: "write how long a session may run, 1s to 30days; 0s is no limit" },
        ]),
        Section { path: "deadlines", repeated: false, keys: deadlines() },
        section("webrtc", &[
            Key { name: "ice-servers", kind: Kind::Texts(ice_server), example: "[]",
                doc: "write STUN and TURN servers, `stun:host:port` or `turn:user:password@host:port`" },
        ]),
    ]}
}

/// One key for each step and each undo: their names are those of the lifecycle's tables.
fn deadlines() -> Vec<Key> {
    let steps = STEPS.iter().map(|row| row.name);
    let key = |name, doc| Key { name, kind: DEADLINE, example: "\"2s\"", doc };
    steps
        .map(|name| key(name, "write how long the step may take, 10ms to 1m"))
        .chain(
            UNDOS
                .iter()
                .map(|row| key(row.name, "write how long the teardown step may take, 10ms to 1m")),
        )
        .collect()
}

fn codec(text: &str) -> Result<(), String> {
    // As board files and logs have it, and in no other case.
    match Codec::ALL.iter().any(|codec| codec.name() == text) {
        true => Ok(()),
        false => Err(format!("`{text}` is none of {}", Codec::ALL.map(Codec::name).join(", "))),
    }
}

fn name(text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    match text.len() {
        0 => Err("is empty".to_owned()),
        1..=32 if text.chars().all(allowed) => Ok(()),
        1..=32 => Err(format!("`{text}` has characters that a name cannot have")),
        _ => Err("is longer than 32 characters".to_owned()),
    }
}

fn path(text: &str) -> Result<(), String> {
    if text.contains(char::is_control) {
        return Err("contains a control character".to_owned());
    }
    if !text.starts_with('/') {
        return Err(format!("`{text}` is not an absolute path"));
    }
    Ok(())
}

fn argument(text: &str) -> Result<(), String> {
    if text.contains('\0') { Err("contains a zero byte".to_owned()) } else { Ok(()) }
}

/// A path that can also be written into a pipeline.
fn device(text: &str) -> Result<(), String> {
    path(text)?;
    crate::pipeline::check_device(text)
}

fn input_device(text: &str) -> Result<(), String> {
    if text == "auto" { Ok(()) } else { path(text) }
}

fn input_code(text: &str) -> Result<(), String> {
    text.parse::<InputCode>().map(drop)
}

/// The name of a directory.
fn led(text: &str) -> Result<(), String> {
    let allowed = |c: char| !c.is_control() && c != '/';
    match text {
        "" => Err("is empty".to_owned()),
        "." | ".." => Err(format!("`{text}` is not a name")),
        _ if text.chars().all(allowed) => Ok(()),
        _ => Err(format!("`{text}` has characters that a name cannot have")),
    }
}

/// A secret in it would stand in the log.
fn whip(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let wrong = || format!("`{text}` is no address of a server");
    let (authority, _) =
        rest.ok_or_else(wrong)?.split_once('/').unwrap_or((rest.unwrap_or(""), ""));
    if authority.contains('@') {
        return Err("has a user name; servers want a token, in `token-file`".to_owned());
    }
    if text.contains(|c: char| c.is_control() || c == ' ') {
        return Err(wrong());
    }
    origin(&text[..text.len() - rest.map_or(0, str::len) + authority.len()]).map_err(|_| wrong())
}

fn origin(text: &str) -> Result<(), String> {
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let wrong = || format!("`{text}` is not an origin");
    let authority = authority.ok_or_else(wrong)?;
    let host_end = authority.rfind(']').map_or(0, |i| i + 1);
    let (host, port) = match authority[host_end..].split_once(':') {
        Some((rest, port)) => (&authority[..host_end + rest.len()], Some(port)),
        None => (authority, None),
    };
    let port_is_one = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if host_is_one(host) && port_is_one { Ok(()) } else { Err(wrong()) }
}

fn ice_server(text: &str) -> Result<(), String> {
    // The text may hold a password, so that the message does not repeat it.
    let wrong = |what: &str| Err(format!("an ICE server {what}"));
    let Some((scheme, rest)) = text.split_once(':') else { return wrong("has no `stun:`") };
    let address = match (scheme, rest.rsplit_once('@')) {
        ("stun", None) => rest,
        ("stun", Some(_)) => return wrong("is STUN and has a user name"),
        ("turn" | "turns", Some((user, address))) => {
            let complete =
                user.split_once(':').is_some_and(|(u, p)| !u.is_empty() && !p.is_empty());
            if !complete {
                return wrong("has no `user:password@`");
            }
            address
        }
        ("turn" | "turns", None) => return wrong("is TURN and has no `user:password@`"),
        _ => return wrong("is neither `stun:`, `turn:` nor `turns:`"),
    };
    let complete = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| host_is_one(host) && port.parse::<u16>().is_ok_and(|p| p > 0));
    if complete { Ok(()) } else { wrong("has no `host:port`") }
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
fn host_is_one(host: &str) -> bool {
    if let Some(v6) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return v6.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !host.is_empty() && host.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_what_its_key_takes() {
        for section in schema().sections {
            for key in &section.keys {
                let text = format!("{}{} = {}\n", heading(&section), key.name, key.example);
                let mut report = crate::config::report::Report::default();
                let source = crate::config::document::Source::new("example", text);
                crate::config::document::read(&source, &schema(), &mut report);
                assert!(report.is_empty(), "{report}");
            }
        }
        fn heading(section: &Section) -> String {
            format!("{}\n", section.heading())
        }
    }

    #[test]
    fn texts_from_outside_are_what_they_should_be() {
        for good in ["https://a.example", "http://10.0.0.1:8080", "https://[fd00::2]:443"] {
            assert_eq!(origin(good), Ok(()), "{good}");
        }
        for bad in ["a.example", "https://", "https://a/b", "ftp://a", "http://a:0", "http://a:x"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
        for good in ["stun:a:3478", "turn:u:p@a:3478", "turns:u:p:@x@[::1]:5349"] {
            assert_eq!(ice_server(good), Ok(()), "{good}");
        }
        for bad in ["a:1", "stun:a", "turn:a:1", "turn:u@a:1", "stun:u:p@a:1", "stun:a:0", ""] {
            assert!(ice_server(bad).is_err(), "{bad}");
        }
        let message = ice_server("turn:user:hunter2@").unwrap_err();
        assert!(!message.contains("hunter2"), "{message}");
    }
}
