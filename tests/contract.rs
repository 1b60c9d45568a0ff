// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is promised in prose is held against the code. `BLESS=1` writes the generated parts anew.

#![allow(clippy::unwrap_used)] // a test says so by failing

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use shutterd::device::Verdict;
use shutterd::lifecycle::steps::{Place, STEPS, UNASKED_SILENCE, UNDOS, VIEWER_SILENCE};
use shutterd::lifecycle::{FaultCode, Undo};
use shutterd::pipeline::encoders::{ENCODERS, Fixed, Keyframe, Unit};
use shutterd::wire::Codec;

#[path = "contract/failure_modes.rs"]
mod failure_modes;

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

/// The text with every run of white space as one space, so that a line may be broken anywhere.
fn prose(file: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn it_is_said_how_long_a_vanished_viewer_keeps_the_camera() {
    let close = UNDOS.iter().take_while(|row| row.undo <= Undo::CloseCamera);
    let teardown: std::time::Duration = close.map(|row| row.deadline).sum();
    let (silence, all) = (VIEWER_SILENCE.as_secs(), (VIEWER_SILENCE + teardown).as_secs_f64());
    let readme = prose("README.md");
    for sentence in
        [format!("missed {silence} s after it was heard"), format!("closed within {all} s of that")]
    {
        assert!(readme.contains(&sentence), "README.md: {sentence}");
    }
    let manual = prose("docs/operating.md");
    let unasked = UNASKED_SILENCE.as_secs();
    for row in [
        format!("data channel, as the viewer page does | {silence} s |"),
        format!("reports less often | {unasked} s |"),
    ] {
        assert!(manual.contains(&row), "docs/operating.md: {row}");
    }
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
fn every_board_file_is_described() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/boards.md")).unwrap();
    for file in fs::read_dir(root.join("pipelines")).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let row = format!("| [`{}`](../pipelines/{file}) |", file.trim_end_matches(".toml"));
        assert!(text.contains(&row), "docs/boards.md: {row}");
    }
}

#[test]
fn the_boards_have_the_table_of_their_encoders() {
    let mut text = String::from(
        "\n| element | rate | keyframe on demand | pictures between keyframes | profile | no picture waits |\n\
         |---|---|---|---|---|---|\n",
    );
    let fixed = |fixed: &Fixed| {
        let default = if fixed.by_default { ", its default" } else { "" };
        format!("{} = {}{default}", fixed.setting, fixed.values.join(" or "))
    };
    for row in ENCODERS {
        let Some(written) = row.written else { continue };
        let unit = match row.rate.1 {
            Unit::Bits => "b/s",
            Unit::Kilobits => "kb/s",
        };
        let keyframe = match row.keyframe {
            Keyframe::Event => "event".to_owned(),
            Keyframe::Action(action) => format!("action `{action}`"),
        };
        let period: Vec<String> = written.period.iter().map(ToString::to_string).collect();
        let latency: Vec<String> = written.latency.iter().map(fixed).collect();
        let several = written.profile.len() > 1;
        let of_codec = |(codec, of_it): &(Codec, Fixed)| match several {
            true => format!("{codec}: {}", fixed(of_it)),
            false => fixed(of_it),
        };
        let profile: Vec<String> = written.profile.iter().map(of_codec).collect();
        writeln!(
            text,
            "| `{}` | {}, {unit} | {keyframe} | {} | {} | {} |",
            row.factory,
            row.rate.0,
            period.join(" or "),
            profile.join("; "),
            latency.join("; ")
        )
        .unwrap();
    }
    text.push('\n');
    holds("docs/boards.md", "encoders", &text);
}

#[test]
fn the_manual_explains_every_verdict_of_the_oracle() {
    let manual =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md"));
    let manual = manual.unwrap();
    for verdict in Verdict::ALL {
        let row = manual.lines().find(|line| line.starts_with(&format!("| `{verdict}` |")));
        assert!(
            row.is_some_and(|row| row.len() > 40),
            "docs/operating.md does not explain {verdict}"
        );
    }
}

#[test]
fn the_changelog_has_an_unreleased_part() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CHANGELOG.md")).unwrap();
    let (_, unreleased) = text.split_once("## Unreleased").expect("## Unreleased");
    assert!(unreleased.lines().any(|line| line.starts_with("- ")));
}
