// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a system image gets by `make install`: every file in its place, understood by the tools of a
//! system that would read it, and in step with the program.

#![allow(clippy::unwrap_used)] // a test says so by failing

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use shutterd::config::{Config, Deadlines};
use shutterd::daemon::longest_end;

/// Settings that systemd 252 does not know and later ones do; it ignores them.
const NEWER: [&str; 2] = ["RestartSteps", "RestartMaxDelaySec"];

/// Tenths of what `systemd-analyze security` calls the exposure, as README has it.
const EXPOSURE: u32 = 20;

struct Image {
    root: tempfile::TempDir,
}

impl Image {
    fn install() -> Self {
        let root = tempfile::tempdir().unwrap();
        let programs = Path::new(env!("CARGO_BIN_EXE_shutterd")).parent().unwrap();
        let output = Command::new("make")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .arg("install")
            .arg(format!("DESTDIR={}", root.path().display()))
            .arg(format!("PROGRAMS={}", programs.display()))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
        Self { root }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.root.path().join(file)
    }

    fn service(&self) -> String {
        fs::read_to_string(self.path("usr/lib/systemd/system/shutterd.service")).unwrap()
    }
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// The values of a setting of a unit, in order.
fn setting<'a>(unit: &'a str, name: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect()
}

fn seconds(unit: &str, name: &str) -> Duration {
    let [value] = setting(unit, name)[..] else { panic!("one {name}=") };
    Duration::from_secs(value.parse().unwrap())
}

/// Every file below `directory`, from there.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.iter().map(|file| file.strip_prefix(directory).unwrap().to_owned()).collect()
}

#[test]
fn everything_that_ships_is_installed() {
    let image = Image::install();
    let installed = files(image.root.path());
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let shipped = files(&data);
    assert!(shipped.len() > 8, "{shipped:?}");
    for file in shipped {
        let same = |there: &PathBuf| {
            there.file_name() == file.file_name()
                && fs::read(image.path(there.to_str().unwrap())).unwrap()
                    == fs::read(data.join(&file)).unwrap()
        };
        assert!(installed.iter().any(same), "{} is not installed", file.display());
    }
    for program in ["usr/bin/shutterd", "usr/bin/shutterctl", "usr/libexec/shutterd/shutter-media"]
    {
        assert!(installed.contains(&PathBuf::from(program)), "{program}");
    }
}

#[test]
fn the_configuration_that_ships_is_one() {
    let image = Image::install();
    let file = image.path("etc/shutterd/shutterd.toml");
    let config = Config::load(Some(&file), []).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(config.cameras.len(), 1);
    assert!(config.http.listen.ip().is_loopback());
}

#[test]
fn systemd_allows_the_service_the_time_that_its_end_may_take() {
    let service = Image::install().service();
    let longest = longest_end(&Deadlines::default());
    let allowed = seconds(&service, "TimeoutStopSec");
    assert!(longest <= allowed, "{longest:?} of {allowed:?}");
    assert!(longest + Duration::from_secs(5) > allowed, "no longer than it takes: {longest:?}");
    // A stop is the service's to pass on; a killed worker is its to replace.
    assert_eq!(setting(&service, "KillMode"), ["mixed"]);
    assert_eq!(setting(&service, "OOMPolicy"), ["continue"]);
    assert_eq!(setting(&service, "RestartPreventExitStatus"), ["64 78"]);
    // Twice in this time the service asks itself whether it answers, and it may take half of it.
    assert!(seconds(&service, "WatchdogSec") >= Duration::from_secs(10));
}

#[test]
fn systemd_understands_the_units() {
    let image = Image::install();
    let units = image.path("usr/lib/systemd/system");
    // Where they stand, the program that they name is not this system's.
    for unit in files(&units) {
        let text = fs::read_to_string(units.join(&unit)).unwrap();
        fs::write(
            units.join(&unit),
            text.replace("=/usr/bin/", &format!("={}/usr/bin/", image.root.path().display())),
        )
        .unwrap();
    }
    let mut names = files(&units);
    names.sort();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args(names.iter().map(|name| units.join(name)))
        .output()
        .expect("systemd-analyze: `make test` installs it");
    let said = said(&output);
    let known =
        |line: &&str| !NEWER.iter().any(|name| line.contains(&format!("Unknown key '{name}'")));
    let wrong: Vec<&str> =
        said.lines().filter(|line| line.contains("shutterd")).filter(known).collect();
    assert_eq!(wrong, [""; 0], "{said}");
}

#[test]
fn the_exposure_is_what_readme_says() {
    let image = Image::install();
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--no-pager", &format!("--threshold={EXPOSURE}")])
        .arg(image.path("usr/lib/systemd/system/shutterd.service"))
        .output()
        .expect("systemd-analyze: `make test` installs it");
    assert!(output.status.success(), "{}", said(&output));
    let readme = include_str!("../README.md");
    let score = format!("{}.{}", EXPOSURE / 10, EXPOSURE % 10);
    assert!(readme.contains(&format!("`systemd-analyze security` says {score}")), "{score}");
}

#[test]
fn the_user_can_be_made() {
    let image = Image::install();
    let output = Command::new("systemd-sysusers")
        .args(["--dry-run", &format!("--root={}", image.root.path().display()), "shutterd.conf"])
        .output()
        .expect("systemd-sysusers: `make test` installs it");
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("shutterd"), "{}", said(&output));
}
