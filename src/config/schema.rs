// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a schema is written: sections, their keys, and the kinds of value that a key takes.

use std::net::SocketAddr;
use std::time::Duration;

/// What a file may contain.
#[derive(Debug)]
pub struct Schema {
    /// Its sections; the one with the empty path is the file's top.
    pub sections: Vec<Section>,
}

/// A section and its keys.
#[derive(Debug)]
pub struct Section {
    /// Dotted path.
    pub path: &'static str,
    /// Whether it is written `[[path]]`, any number of times.
    pub repeated: bool,
    /// Its keys.
    pub keys: Vec<Key>,
}

/// A key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// A value as TOML has it: the default where there is one.
    pub example: &'static str,
    /// What it is for, with unit and range.
    pub doc: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A string that passes.
    Text(Check),
    /// Strings that pass.
    Texts(Check),
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second.
    Number(u32, u32),
    /// A number with a unit, from the first to the second.
    Duration(Duration, Duration),
    /// Bytes, or `K`, `M`, `G` of 1024 each as systemd writes them, from the first to the second.
    Size(u64, u64),
    /// An address with a port.
    Address,
    /// One of these.
    Choice(&'static [&'static str]),
}

/// Whether a string will do; `Err` says what is wrong with it.
pub type Check = fn(&str) -> Result<(), String>;

/// A value as it was written.
#[derive(Clone, Debug)]
pub enum Raw {
    /// A string.
    Text(String),
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A list.
    List(Vec<Raw>),
    /// Something that no key takes.
    Other(&'static str),
}

/// A value that a key took.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // as in `Kind`; a choice is a text
pub enum Value {
    Text(String),
    Texts(Vec<String>),
    Flag(bool),
    Number(u32),
    Duration(Duration),
    Size(u64),
    Address(SocketAddr),
}

impl Kind {
    /// Takes `raw`, or says what is wrong with it.
    pub(super) fn check(&self, raw: &Raw) -> Result<Value, String> {
        match (self, raw) {
            (Kind::Text(check), Raw::Text(text)) => {
                check(text)?;
                Ok(Value::Text(text.clone()))
            }
            (Kind::Texts(check), Raw::List(list)) => list
                .iter()
                .map(|element| match element {
                    Raw::Text(text) => check(text).map(|()| text.clone()),
                    other => Err(format!("contains {}, not a string", other.article())),
                })
                .collect::<Result<_, _>>()
                .map(Value::Texts),
            (Kind::Flag, Raw::Flag(flag)) => Ok(Value::Flag(*flag)),
            (Kind::Number(min, max), Raw::Number(number)) => u32::try_from(*number)
                .ok()
                .filter(|number| (min..=max).contains(&number))
                .map(Value::Number)
                .ok_or_else(|| format!("{number} is not within {min} to {max}")),
            (Kind::Duration(min, max), Raw::Text(text)) => {
                let duration = humantime::parse_duration(text)
                    .map_err(|error| format!("`{text}` is not a duration: {error}"))?;
                if (min..=max).contains(&&duration) {
                    Ok(Value::Duration(duration))
                } else {
                    let (min, max) = (written(*min), written(*max));
                    Err(format!("{text} is not within {min} to {max}"))
                }
            }
            (Kind::Size(min, max), Raw::Text(text)) => {
                let size = size(text).ok_or_else(|| format!("`{text}` is not a size"))?;
                if (min..=max).contains(&&size) {
                    Ok(Value::Size(size))
                } else {
                    let (min, max) = (written_size(*min), written_size(*max));
                    Err(format!("{text} is not within {min} to {max}"))
                }
            }
            (Kind::Address, Raw::Text(text)) => text
                .parse()
                .map(Value::Address)
                .map_err(|_| format!("`{text}` is not an IP address with a port")),
            (Kind::Choice(choices), Raw::Text(text)) => {
                if choices.contains(&text.as_str()) {
                    Ok(Value::Text(text.clone()))
                } else {
                    let near = nearest(text, choices.iter().copied());
                    let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
                    Err(format!("`{text}` is none of {}{hint}", choices.join(", ")))
                }
            }
            (kind, raw) => Err(format!("is {}, not {}", raw.article(), kind.article())),
        }
    }

    /// A variable's value, in the notation of this kind: strings without quotes, lists with commas.
    pub(super) fn raw_of_variable(&self, text: &str) -> Raw {
        let as_text = || Raw::Text(text.to_owned());
        match self {
            Kind::Flag => text.parse().map_or_else(|_| as_text(), Raw::Flag),
            Kind::Number(..) => text.parse().map_or_else(|_| as_text(), Raw::Number),
            Kind::Texts(_) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Raw::List(parts.map(|part| Raw::Text(part.to_owned())).collect())
            }
            _ => as_text(),
        }
    }

    fn article(&self) -> &'static str {
        match self {
            Kind::Text(_) | Kind::Choice(_) => "a string",
            Kind::Texts(_) => "a list of strings",
            Kind::Flag => "true or false",
            Kind::Number(..) => "a whole number",
            Kind::Duration(..) => "a duration in quotes",
            Kind::Size(..) => "a size in quotes",
            Kind::Address => "an address in quotes",
        }
    }
}

impl Raw {
    fn article(&self) -> &'static str {
        match self {
            Raw::Text(_) => "a string",
            Raw::Flag(_) => "true or false",
            Raw::Number(_) => "a number",
            Raw::List(_) => "a list",
            Raw::Other(name) => name,
        }
    }
}

impl Key {
    /// What to write, for a value that was refused.
    pub(super) fn instead(&self) -> String {
        format!("{}, as in `{} = {}`", self.doc, self.name, self.example)
    }
}

impl Section {
    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl Schema {
    /// The section of that path.
    pub fn section(&self, path: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.path == path)
    }

    /// Whether `path` is a section or leads to one.
    pub(super) fn leads_to(&self, path: &str) -> bool {
        let within = |s: &Section| s.path.strip_prefix(path).is_some_and(|r| r.starts_with('.'));
        self.sections.iter().any(|section| section.path == path || within(section))
    }

    /// What to write instead of the unknown key `name` in `path`: the nearest one there, else the
    /// section that has a key of exactly that name, else all that may be written there.
    pub(super) fn nearest(&self, path: &str, name: &str) -> String {
        let known = self.known_in(path);
        if let Some(near) = nearest(name, known.iter().copied()) {
            return format!("the nearest known key is `{near}`");
        }
        let elsewhere = self.sections.iter().find(|s| s.path != path && s.key(name).is_some());
        match elsewhere {
            Some(section) => format!("`{name}` belongs to `{}`", section.heading()),
            None => format!("known here: {}", known.join(", ")),
        }
    }

    /// The keys and the sections that may be written directly in `path`.
    fn known_in(&self, path: &str) -> Vec<&'static str> {
        let keys = self.section(path).map(|s| s.keys.as_slice()).unwrap_or_default();
        let mut known: Vec<&str> = keys.iter().map(|key| key.name).collect();
        for section in &self.sections {
            let inner = match path {
                "" => Some(section.path),
                path => section.path.strip_prefix(path).and_then(|rest| rest.strip_prefix('.')),
            };
            let first = inner.and_then(|inner| inner.split('.').next());
            known.extend(first.filter(|first| !first.is_empty() && !known.contains(first)));
        }
        known
    }
}

impl Section {
    /// As it is written in a file.
    pub fn heading(&self) -> String {
        match (self.path, self.repeated) {
            ("", _) => "the top of the file".to_owned(),
            (path, true) => format!("[[{path}]]"),
            (path, false) => format!("[{path}]"),
        }
    }
}

/// The one that `name` most likely stands for, when it is near enough.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

const UNITS: [(char, u32); 3] = [('K', 10), ('M', 20), ('G', 30)];

fn size(text: &str) -> Option<u64> {
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(*unit));
    let (digits, shift) = match unit {
        Some((unit, shift)) => (text.strip_suffix(*unit)?, *shift),
        None => (text, 0),
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// A size as the configuration writes it.
pub(super) fn written_size(bytes: u64) -> String {
    let whole = |shift: u32| bytes != 0 && bytes.trailing_zeros() >= shift;
    match UNITS.iter().rev().find(|(_, shift)| whole(*shift)) {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => bytes.to_string(),
    }
}

/// A duration as the configuration writes it.
pub(super) fn written(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_they_are_read() {
        for (text, bytes) in [("0", 0), ("1000", 1000), ("256K", 256 << 10), ("8M", 8 << 20)] {
            assert_eq!(size(text), Some(bytes), "{text}");
            assert_eq!(written_size(bytes), text);
        }
        assert_eq!(size("1024K"), Some(1 << 20));
        for text in ["", "K", "8m", "8MB", "8 M", "-1", "1KK", "8MM", "99999999999G"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
