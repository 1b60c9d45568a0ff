// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeps the floors: who may import whom, what only one place may do, and how files look.
//!
//! A text scan, not a compiler: it reads the code without comments and string literals, and every
//! rule is also held against a planted offence, so that a rule that stopped working is noticed.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, and these are their helpers

#[path = "architecture/binaries.rs"]
mod binaries;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/scan.rs"]
mod scan;

use std::fs;
use std::path::{Path, PathBuf};

use rules::{File, RULES};

/// Every file of the project that rules apply to: path from the project's root, and text.
fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root.join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = directory.join(&name);
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                // What is built, fetched or hidden is not the project's text.
                let foreign = name.starts_with('.') || name == "target" || name == "node_modules";
                if !foreign {
                    directories.push(path);
                }
            } else if kind.is_file()
                && ["rs", "sh", "mjs"].iter().any(|e| path.extension().is_some_and(|x| x == *e))
            {
                let text = fs::read_to_string(root.join(&path)).unwrap();
                found.push(File::new(path.to_str().unwrap(), &text));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

// Failure modes: G1.
#[test]
fn every_rule_is_kept() {
    let files = files();
    assert!(files.len() > 20, "the scan found the sources");
    let offences: Vec<String> = RULES
        .iter()
        .flat_map(|rule| files.iter().flat_map(rule.check).map(|o| format!("{}: {o}", rule.name)))
        .collect();
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn every_rule_can_fail() {
    for rule in RULES {
        assert!(!rule.planted.is_empty(), "{} has no planted offence", rule.name);
        for (path, text) in rule.planted {
            let offences = (rule.check)(&File::new(path, text));
            assert!(!offences.is_empty(), "{} accepts {path}:\n{text}", rule.name);
        }
        for (path, text) in rule.innocent {
            let offences = (rule.check)(&File::new(path, text));
            assert!(offences.is_empty(), "{} refuses {path}: {offences:?}", rule.name);
        }
    }
}
