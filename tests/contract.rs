// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is promised in prose is held against the code. `BLESS=1` writes the generated parts anew.

#![allow(clippy::unwrap_used)] // a test says so by failing

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use shutterd::lifecycle::FaultCode;
use shutterd::lifecycle::steps::{Place, STEPS, UNDOS};

/// Holds `generated` against what stands between `<!-- name …-->` and `<!-- /name -->` in `file`.
fn holds(file: &str, name: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(&path).unwrap();
    let (open, close) = (format!("<!-- {name}:"), format!("<!-- /{name} -->"));
    let begin = text.find(&open).unwrap_or_else(|| panic!("{file}: no {open}"));
    let begin = begin + text[begin..].find("-->\n").unwrap() + "-->\n".len();
    let end = begin + text[begin..].find(&close).unwrap_or_else(|| panic!("{file}: no {close}"));
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, format!("{}{generated}{}", &text[..begin], &text[end..])).unwrap();
    } else {
        assert_eq!(&text[begin..end], generated, "{file}: `BLESS=1 cargo test --test contract`");
    }
}

fn names<T: std::fmt::Display>(list: &[T]) -> String {
    list.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_readme_has_the_order() {
    let duration = humantime::format_duration;
    let mut text = String::from(
        "\n| start | step | what happens | where | within | owes |\n|---|---|---|---|---|---|\n",
    );
    for row in STEPS {
        let place = match row.place {
            Place::Camera => "camera",
            Place::Peer => "peer",
            Place::CameraAndPeer => "camera, peer",
            Place::Signalling => "signalling",
        };
        let (deadline, owes) = (duration(row.deadline), names(row.owes));
        writeln!(
            text,
            "| {} | `{}` | {} | {place} | {deadline} | {owes} |",
            row.number, row.name, row.does
        )
        .unwrap();
    }
    text.push_str("\n| end | step | what happens | within |\n|---|---|---|---|\n");
    for row in UNDOS {
        let deadline = duration(row.deadline);
        writeln!(text, "| {} | `{}` | {} | {deadline} |", row.number, row.name, row.does).unwrap();
    }
    text.push('\n');
    holds("README.md", "order", &text);
}

#[test]
fn the_manual_has_every_fault() {
    let mut text = String::from("\n| fault | what to do |\n|---|---|\n");
    for code in FaultCode::ALL {
        writeln!(text, "| `{code}` | {} |", code.remedy()).unwrap();
    }
    text.push('\n');
    holds("docs/operating.md", "faults", &text);
}

#[test]
fn the_changelog_has_an_unreleased_part() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CHANGELOG.md")).unwrap();
    let (_, unreleased) = text.split_once("## Unreleased").expect("## Unreleased");
    assert!(unreleased.lines().any(|line| line.starts_with("- ")));
}
