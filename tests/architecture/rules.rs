// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules. Each has offences that it must find, and what it must let pass.

use super::scan::{code, imports, lines_with};

/// A file, from the project's root.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text without comments and literals.
    pub(crate) code: String,
}

/// A rule, what it must refuse, and what it must not.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) check: fn(&File) -> Vec<String>,
    pub(crate) planted: &'static [(&'static str, &'static str)],
    pub(crate) innocent: &'static [(&'static str, &'static str)],
}

/// The library's floors, lowest first. A module imports its own floor and those below.
const FLOORS: [&[&str]; 5] = [
    &["lifecycle", "config", "pipeline", "wire", "sdp"],
    &["session", "worker", "device"],
    // What HTTP adapters share, which never import one another.
    &["http"],
    &["signalling", "control", "triggers"],
    &["daemon"],
];

/// Modules of binaries, which are not the library's, and the highest floor that each imports: the
/// workers know data only, the command line reads what the API writes.
const OF_BINARIES: [(&str, usize); 2] = [("media", 0), ("ctl", 3)];

/// Modules of one floor that must not know one another.
const STRANGERS: [&[&str]; 2] =
    [&["signalling", "control"], &["signalling/whep", "signalling/whip", "signalling/websocket"]];

/// A hard limit; about 300 is the aim.
const MAX_LINES: usize = 400;

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") { code(text) } else { text.to_owned() };
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    fn rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The part of the path below `src`, of Rust sources.
    fn source(&self) -> Option<&str> {
        self.path.strip_prefix("src/").filter(|_| self.rust())
    }

    /// The top module that it belongs to; none for `lib.rs` and binaries.
    fn module(&self) -> Option<&str> {
        let first = self.source()?.split('/').next()?;
        let first = first.strip_suffix(".rs").unwrap_or(first);
        (first != "lib" && first != "bin").then_some(first)
    }

    /// The paths into the crate: module and the segment after it.
    fn imports(&self) -> Vec<(String, String, usize)> {
        let roots = ["crate", "shutterd"].into_iter();
        let all = roots.flat_map(|root| imports(&self.code, root));
        all.map(|i| (i.module, i.inner.unwrap_or_default(), i.line)).collect()
    }

    fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }

    fn everywhere(&self, word: &str, what: &str) -> Vec<String> {
        lines_with(&self.code, word).into_iter().map(|line| self.at(line, what)).collect()
    }
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

fn of_binary(module: &str) -> Option<usize> {
    OF_BINARIES.iter().find(|(name, _)| *name == module).map(|(_, reach)| *reach)
}

fn has_a_floor(file: &File) -> Vec<String> {
    let homeless = file.module().filter(|m| floor(m).or(of_binary(m)).is_none());
    homeless.map(|m| file.at(1, &format!("`{m}` stands on no floor"))).into_iter().collect()
}

fn nobody_imports_upward(file: &File) -> Vec<String> {
    let Some(own) = file.module() else { return Vec::new() };
    let reach = of_binary(own).or(floor(own));
    let imports = file.imports().into_iter();
    let upward = imports.filter(|(m, ..)| m != own && floor(m).is_some_and(|f| Some(f) > reach));
    upward.map(|(m, _, line)| file.at(line, &format!("`{own}` imports `{m}`"))).collect()
}

fn strangers_stay_strangers(file: &File) -> Vec<String> {
    let Some(source) = file.source() else { return Vec::new() };
    // A module is `x.rs` or everything in `x/`.
    let within = |path: &str, module: &str| {
        path.strip_prefix(module).is_some_and(|r| r.is_empty() || r.starts_with('/') || r == ".rs")
    };
    let mut found = Vec::new();
    for group in STRANGERS {
        let Some(own) = group.iter().find(|module| within(source, module)) else { continue };
        for (module, inner, line) in file.imports() {
            let path = format!("{module}/{inner}");
            if let Some(other) = group.iter().find(|m| *m != own && within(&path, m)) {
                found.push(file.at(line, &format!("`{own}` imports `{other}`")));
            }
        }
        let submodules = group.iter().filter(|m| *m != own).filter_map(|m| m.split('/').nth(1));
        for other in submodules {
            found.extend(file.everywhere(&format!("super::{other}"), "imports its sibling"));
        }
    }
    found
}

fn lifecycle_knows_nothing(file: &File) -> Vec<String> {
    if file.module() != Some("lifecycle") {
        return Vec::new();
    }
    let known = ["std", "serde", "thiserror", "crate", "super", "self"];
    let local = ["fault", "machine", "outcome", "plan", "steps"];
    let mut found: Vec<String> = Vec::new();
    for (index, line) in file.code.lines().enumerate() {
        let used = line.trim_start().trim_start_matches("pub ").strip_prefix("use ");
        let Some(root) = used.and_then(|used| used.split(&[':', ';', ' '][..]).next()) else {
            continue;
        };
        let variants = root.starts_with(char::is_uppercase);
        // Inside a test module anything that tests may use is fine.
        let tests = file.code.lines().take(index).any(|line| line.contains("mod tests"));
        if !known.contains(&root) && !local.contains(&root) && !variants && !tests {
            found.push(file.at(index + 1, &format!("uses `{root}`")));
        }
    }
    for word in ["tokio", "std::time::Instant", "SystemTime", "std::fs", "std::net", "std::process"]
    {
        found.extend(file.everywhere(word, &format!("uses `{word}`")));
    }
    let others = file.imports().into_iter().filter(|(module, ..)| module != "lifecycle");
    found.extend(others.map(|(m, _, line)| file.at(line, &format!("imports `{m}`"))));
    found
}

fn only_media_names_gstreamer(file: &File) -> Vec<String> {
    let Some(source) = file.source() else { return Vec::new() };
    if source.starts_with("media/") || source == "bin/shutter-media.rs" {
        return Vec::new();
    }
    let names = [
        "gst",
        "gst_app",
        "gst_base",
        "gst_rtp",
        "gst_sdp",
        "gst_video",
        "gst_webrtc",
        "gstreamer",
        "glib",
    ];
    let path = |name: &str| file.everywhere(&format!("{name}::"), &format!("names `{name}`"));
    let used = |name: &str| file.everywhere(&format!("use {name};"), &format!("uses `{name}`"));
    names.iter().flat_map(|name| path(name).into_iter().chain(used(name))).collect()
}

fn licence_is_stated(file: &File) -> Vec<String> {
    let mut first = file.text.lines().take(2);
    if first.any(|line| line.contains("SPDX-License-Identifier: MIT OR Apache-2.0")) {
        return Vec::new();
    }
    vec![file.at(1, "has no SPDX line")]
}

fn files_are_short(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    if file.source().is_none() || lines <= MAX_LINES {
        return Vec::new();
    }
    vec![
        file.at(
            lines,
            &format!("has {lines} lines, more than {MAX_LINES}: split it by what it owns"),
        ),
    ]
}

fn names_say_something(file: &File) -> Vec<String> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let parts = file.path.split('/').chain(stem.split(['_', '-']));
    let empty = ["util", "utils", "helper", "helpers", "manager", "common"];
    let mut named =
        parts.filter(|part| empty.contains(&part.split('.').next().unwrap_or_default()));
    named.next().map(|part| file.at(1, &format!("`{part}` says nothing"))).into_iter().collect()
}

fn unsafe_is_in_device_only(file: &File) -> Vec<String> {
    if file.source().is_none() || file.module() == Some("device") {
        return Vec::new();
    }
    file.everywhere("unsafe", "`unsafe` belongs to src/device")
}

fn one_file_sets_states(file: &File) -> Vec<String> {
    if file.source().is_none_or(|source| source == "media/state.rs") {
        return Vec::new();
    }
    file.everywhere("set_state(", "only media/state.rs sets states: it may block for ever")
}

fn modules_introduce_themselves(file: &File) -> Vec<String> {
    let module = file.source().is_some_and(|source| source.ends_with("/mod.rs"));
    let mut lines = file.text.lines().filter(|line| !line.starts_with("// SPDX"));
    let head = lines.next().and_then(|line| line.strip_prefix("//!"));
    let introduced = head.is_some_and(|head| head.trim().len() > 4);
    if !module || introduced { Vec::new() } else { vec![file.at(1, "has no `//!` head comment")] }
}

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "every module stands on a floor",
        check: has_a_floor,
        planted: &[("src/misc/mod.rs", ""), ("src/misc.rs", "")],
        innocent: &[
            ("src/wire/mod.rs", ""),
            ("src/lib.rs", ""),
            ("src/bin/shutterd.rs", ""),
            ("tests/x.rs", ""),
        ],
    },
    Rule {
        name: "nobody imports upward",
        check: nobody_imports_upward,
        planted: &[
            ("src/config/a.rs", "use crate::session::X;"),
            ("src/session/mod.rs", "fn f() { crate::signalling::g() }"),
            ("src/wire/mod.rs", "use crate::{lifecycle::Fault, worker};"),
            ("src/http/mod.rs", "use crate::control::X;"),
            ("src/control/mod.rs", "use crate::daemon::X;"),
            ("src/media/peer.rs", "use shutterd::session::X;"),
            ("src/ctl/mod.rs", "use shutterd::{wire, daemon::X};"),
        ],
        innocent: &[
            ("src/session/mod.rs", "use crate::{device::X, lifecycle::Y};"),
            ("src/config/a.rs", "// use crate::session::X;\nlet a = \"crate::session\";"),
            ("src/media/peer.rs", "use crate::media::state; use shutterd::wire::X;"),
            ("src/daemon/mod.rs", "use crate::control::X;"),
            ("src/bin/shutterd.rs", "use shutterd::daemon;"),
        ],
    },
    Rule {
        name: "adapters never import one another",
        check: strangers_stay_strangers,
        planted: &[
            ("src/control/mod.rs", "use crate::signalling::X;"),
            ("src/signalling/mod.rs", "use crate::{control, wire};"),
            ("src/signalling/whep/ice.rs", "use crate::signalling::websocket::X;"),
            ("src/signalling/websocket.rs", "use crate::signalling::{whep};"),
            ("src/signalling/whep.rs", "use super::websocket::X;"),
        ],
        innocent: &[
            ("src/signalling/mod.rs", "pub mod whep; use crate::signalling::whep::X;"),
            ("src/signalling/whep.rs", "use crate::signalling::whep::X; use crate::http::Y;"),
            ("src/daemon/mod.rs", "use crate::{control, signalling};"),
        ],
    },
    Rule {
        name: "lifecycle is pure",
        check: lifecycle_knows_nothing,
        planted: &[
            ("src/lifecycle/a.rs", "use tokio::time::Instant;"),
            ("src/lifecycle/a.rs", "pub use crate::wire::X;"),
            ("src/lifecycle/a.rs", "fn f() { std::fs::read(x) }"),
            ("src/lifecycle/a.rs", "use serde_json::Value;"),
        ],
        innocent: &[
            (
                "src/lifecycle/a.rs",
                "use std::time::Duration;\nuse super::steps::Step;\nuse crate::lifecycle::X;",
            ),
            ("src/lifecycle/a.rs", "mod tests {\n    use proptest::prelude::*;\n}"),
        ],
    },
    Rule {
        name: "only the media worker names GStreamer",
        check: only_media_names_gstreamer,
        planted: &[
            ("src/pipeline/a.rs", "use gst::prelude::*;"),
            ("src/daemon/a.rs", "fn f() { gst_app::AppSink }"),
            ("src/bin/shutterd.rs", "use gstreamer;"),
        ],
        innocent: &[
            ("src/media/a.rs", "use gst::prelude::*;"),
            ("src/bin/shutter-media.rs", "gst::init()"),
            ("src/pipeline/a.rs", "/// `gst::parse`\nfn gst_launch_line() {}"),
        ],
    },
    Rule {
        name: "every file states its licence",
        check: licence_is_stated,
        planted: &[
            ("src/wire/a.rs", "//! x"),
            ("tests/run.sh", "#!/bin/sh\nset -e\n# SPDX-License-Identifier: MIT OR Apache-2.0"),
        ],
        innocent: &[("tests/run.sh", "#!/bin/sh\n# SPDX-License-Identifier: MIT OR Apache-2.0")],
    },
    Rule {
        name: "files are short",
        check: files_are_short,
        planted: &[("src/wire/a.rs", include_str!("long.txt"))],
        innocent: &[("src/wire/a.rs", "a\nb"), ("tests/a.rs", include_str!("long.txt"))],
    },
    Rule {
        name: "names say what a file owns",
        check: names_say_something,
        planted: &[
            ("src/wire/utils.rs", ""),
            ("src/session/lease_manager.rs", ""),
            ("src/common/mod.rs", ""),
        ],
        innocent: &[("src/session/lease.rs", ""), ("src/lib.rs", "")],
    },
    Rule {
        name: "unsafe is in src/device",
        check: unsafe_is_in_device_only,
        planted: &[
            ("src/worker/a.rs", "unsafe { f() }"),
            ("src/bin/shutterd.rs", "unsafe fn f() {}"),
        ],
        innocent: &[
            ("src/device/a.rs", "unsafe { f() }"),
            ("src/wire/a.rs", "#![deny(unsafe_code)] // unsafe"),
        ],
    },
    Rule {
        name: "one file sets states",
        check: one_file_sets_states,
        planted: &[("src/media/peer.rs", "pipeline.set_state(gst::State::Null)")],
        innocent: &[
            ("src/media/state.rs", "element.set_state(s)"),
            ("src/media/peer.rs", "reset_state(x) // set_state("),
        ],
    },
    Rule {
        name: "modules introduce themselves",
        check: modules_introduce_themselves,
        planted: &[
            ("src/wire/mod.rs", "// SPDX\npub mod a;"),
            ("src/wire/mod.rs", "// SPDX\n//! x"),
        ],
        innocent: &[("src/wire/mod.rs", "// SPDX\n//! What is said."), ("src/wire/a.rs", "")],
    },
];
