// SPDX-License-Identifier: MIT OR Apache-2.0
//! `docs/failure-modes.md`: every failure mode is there once, and says what holds it; every test
//! that it names is there, and names the mode; and no test names one that does not name it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How many modes each of the tables has.
const MODES: [(&str, usize); 3] = [("V", 18), ("G", 17), ("N", 15)];

/// What a test says before its name.
const MARK: &str = "// Failure modes: ";

/// A mode and a test that holds it: file and name.
type Held = (String, String, String);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The table's rows, each in its cells.
fn rows() -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("docs/failure-modes.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = rows.map(|row| row.split(" | ").map(str::to_owned).collect::<Vec<_>>());
    rows.filter(|row| row[0] != "#").collect()
}

/// The tests that a row names: `file :: test`, as code.
fn tests_of(row: &[String]) -> Vec<Held> {
    let code = row[3].split('`').skip(1).step_by(2);
    let named = code.filter_map(|code| code.split_once(" :: "));
    named.map(|(file, test)| (row[0].clone(), file.to_owned(), test.to_owned())).collect()
}

/// The name of the test that begins in this line.
fn name_in(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if let Some(call) = line.strip_prefix("test(") {
        let quote = call.chars().next()?;
        return call.get(1..)?.split(quote).next();
    }
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// The modes that the tests of `file` name.
fn marks_in(file: &Path, found: &mut BTreeSet<Held>) {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(modes) = line.trim_start().strip_prefix(MARK) else { continue };
        let test = lines.by_ref().find_map(name_in);
        let test = test.unwrap_or_else(|| panic!("{}: no test after {line:?}", file.display()));
        for mode in modes.trim_end_matches('.').split(", ") {
            found.insert((mode.to_owned(), file.display().to_string(), test.to_owned()));
        }
    }
}

/// Every file of tests, those within the sources included.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![PathBuf::from("tests"), PathBuf::from("src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root().join(&directory)).unwrap().map(Result::unwrap) {
            let path = directory.join(entry.file_name());
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.ends_with("node_modules") || path.ends_with("target") => {}
                _ if entry.file_type().unwrap().is_dir() => directories.push(path),
                Some("rs" | "mjs") if path != Path::new("tests/contract/failure_modes.rs") => {
                    found.push(path);
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn every_failure_mode_is_there_once_and_says_what_holds_it() {
    let modes = MODES.iter().flat_map(|(table, count)| (1..=*count).map(move |n| (table, n)));
    let modes: Vec<_> = modes.map(|(table, n)| format!("{table}{n}")).collect();
    let rows = rows();
    assert_eq!(rows.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), modes);
    for row in &rows {
        assert_eq!(row.len(), 4, "{row:?}");
        let says = |what: &str| row[3].contains(what);
        let held = says("By construction: ") || !tests_of(row).is_empty();
        assert!(held || says("Not held yet: "), "{}: what holds it?", row[0]);
    }
}

#[test]
fn the_tests_and_the_failure_modes_name_one_another() {
    let named: BTreeSet<Held> = rows().iter().flat_map(|row| tests_of(row)).collect();
    assert!(named.len() > 50, "the tests were found");
    let mut marked = BTreeSet::new();
    for file in files() {
        marks_in(&file, &mut marked);
    }
    let lost: Vec<_> = named.difference(&marked).collect();
    assert!(lost.is_empty(), "docs/failure-modes.md names tests that do not say so: {lost:#?}");
    let unknown: Vec<_> = marked.difference(&named).collect();
    assert!(unknown.is_empty(), "docs/failure-modes.md does not name these tests: {unknown:#?}");
}
