// SPDX-License-Identifier: MIT OR Apache-2.0
//! TOML text against a schema: tables of typed values, each with its place.
//!
//! Configuration files and board files are both read here. Nothing is reported by halves: what a
//! mistake leaves readable is read on.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::report::{Mistake, Place, Report};
use super::schema::{Raw, Schema, Section, Value};

/// A text and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What reports call it.
    pub file: String,
    /// The text.
    pub text: String,
}

impl Source {
    /// A text and where it came from.
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into() }
    }
}

/// A value that was written, and where.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The value.
    pub value: Value,
    /// Where its key stands.
    pub place: Place,
    /// The line on which the text of a string begins, which for `"""` is the one after the quotes.
    pub text_line: usize,
}

/// What was written in one section.
#[derive(Clone, Debug)]
pub struct Table {
    /// The section's dotted path.
    pub section: &'static str,
    /// Where it begins.
    pub place: Place,
    entries: BTreeMap<&'static str, Entry>,
    refused: BTreeSet<&'static str>,
}

impl Table {
    pub(super) fn new(section: &'static str, place: Place) -> Self {
        Self { section, place, entries: BTreeMap::new(), refused: BTreeSet::new() }
    }

    pub(super) fn insert(&mut self, key: &'static str, value: Value, place: Place) {
        self.entries.insert(key, Entry { value, place, text_line: 0 });
    }

    /// What was written at `key`, unless it was refused.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Every value that was not refused.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &Entry)> {
        self.entries.iter().map(|(key, entry)| (*key, entry))
    }

    /// Whether anything was written at `key`, refused or not: whoever misses a key asks this, so
    /// that one mistake is not reported twice.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key) || self.refused.contains(key)
    }

    /// Where `key` was written; the section's place otherwise.
    pub fn place_of(&self, key: &str) -> &Place {
        self.get(key).map_or(&self.place, |entry| &entry.place)
    }
}

/// Reads `source`: its tables in the order of the schema, repeated ones in the order of the text.
/// Mistakes are added to `report` in the order of their lines.
pub fn read(source: &Source, schema: &Schema, report: &mut Report) -> Vec<Table> {
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    let mut reader = Reader {
        schema,
        file: source.file.as_str().into(),
        text: &source.text,
        tables: Vec::new(),
        mistakes: Vec::new(),
    };
    let mut unreadable = BTreeSet::new();
    for error in errors {
        let line = error.span().map_or(1, |span| reader.line(span.start));
        unreadable.insert(line);
        let message = error.message().to_owned();
        reader.mistake(line, "", format!("not TOML: {message}"), "correct the line".to_owned());
    }
    let syntax = reader.mistakes.len();
    reader.table("", root.get_ref(), root.span());
    // What a broken line leaves behind is no second mistake of the user's.
    let mut mistakes: Vec<(usize, Mistake)> = reader
        .mistakes
        .into_iter()
        .enumerate()
        .filter(|(i, (line, _))| *i < syntax || !unreadable.contains(line))
        .map(|(_, mistake)| mistake)
        .collect();
    mistakes.sort_by_key(|(line, _)| *line);
    report.mistakes.extend(mistakes.into_iter().map(|(_, mistake)| mistake));
    reader.tables
}

struct Reader<'a> {
    schema: &'a Schema,
    file: Arc<str>,
    text: &'a str,
    tables: Vec<Table>,
    mistakes: Vec<(usize, Mistake)>,
}

impl Reader<'_> {
    /// The line, counted from 1, of a byte offset.
    fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }

    fn mistake(&mut self, line: usize, key: &str, wrong: String, instead: String) {
        let place = Place::Line(self.file.clone(), line);
        self.mistakes.push((line, Mistake { place, key: key.to_owned(), wrong, instead }));
    }

    fn table(&mut self, path: &str, table: &DeTable<'_>, span: Range<usize>) {
        let schema = self.schema;
        let section = schema.section(path);
        let line = self.line(span.start);
        let mut read = section.map(|s| Table::new(s.path, Place::Line(self.file.clone(), line)));
        let mut inner = Vec::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let line = self.line(key.span().start);
            let dotted = join(path, name);
            if let Some(known) = section.and_then(|s| s.key(name)) {
                let place = Place::Line(self.file.clone(), line);
                let text_line = self.text_line(&value.span());
                let Some(read) = read.as_mut() else { continue };
                match known.kind.check(&raw(value.get_ref())) {
                    Ok(value) => {
                        read.entries.insert(known.name, Entry { value, place, text_line });
                    }
                    Err(wrong) => {
                        read.refused.insert(known.name);
                        self.mistake(line, &dotted, wrong, known.instead());
                    }
                }
            } else if schema.leads_to(&dotted) {
                inner.push((dotted, value, line));
            } else {
                let instead = schema.nearest(path, name);
                self.mistake(line, &dotted, "unknown key".to_owned(), instead);
            }
        }
        self.tables.extend(read);
        for (dotted, value, line) in inner {
            self.section(&dotted, schema.section(&dotted), value.get_ref(), value.span(), line);
        }
    }

    fn section(
        &mut self,
        path: &str,
        section: Option<&Section>,
        value: &DeValue<'_>,
        span: Range<usize>,
        line: usize,
    ) {
        let repeated = section.is_some_and(|s| s.repeated);
        match value {
            DeValue::Table(table) if !repeated => self.table(path, table, span),
            DeValue::Array(array) if repeated => {
                for element in array {
                    match element.get_ref() {
                        DeValue::Table(table) => self.table(path, table, element.span()),
                        other => {
                            let line = self.line(element.span().start);
                            let wrong = format!("is {}, not a section", article(other.type_str()));
                            self.mistake(line, path, wrong, format!("write `[[{path}]]`"));
                        }
                    }
                }
            }
            other => {
                let (open, close) = if repeated { ("[[", "]]") } else { ("[", "]") };
                let wrong = match other {
                    DeValue::Table(_) => "is one section, and may be several".to_owned(),
                    other => format!("is {}, not a section", article(other.type_str())),
                };
                self.mistake(line, path, wrong, format!("write `{open}{path}{close}`"));
            }
        }
    }

    fn text_line(&self, span: &Range<usize>) -> usize {
        let written = self.text.get(span.clone()).unwrap_or_default();
        let quotes = ["\"\"\"", "'''"];
        let body = quotes.iter().find_map(|q| written.strip_prefix(q)).unwrap_or_default();
        let next = body.starts_with('\n') || body.starts_with("\r\n");
        self.line(span.start) + usize::from(next)
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Boolean(flag) => Raw::Flag(*flag),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Other("a number beyond 64 bits"), Raw::Number),
        DeValue::Array(array) => Raw::List(array.iter().map(|v| raw(v.get_ref())).collect()),
        DeValue::Float(_) => Raw::Other("a number with a fraction"),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Table(_) => Raw::Other("a section"),
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
