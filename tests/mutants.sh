#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Plants faults in the lifecycle machine, one at a time, and requires that tests/lifecycle.rs
# catches each. A fault that survives means that the walk has a hole.
set -euo pipefail
cd "$(dirname "$0")/.."

# The lifecycle is pure: it builds alone, in seconds.
crate=target/mutants
mkdir -p "$crate/src" "$crate/tests"
cp tests/lifecycle.rs "$crate/tests/"
cat >"$crate/Cargo.toml" <<'TOML'
[package]
name = "shutterd"
version = "0.0.0"
edition = "2024"
[dependencies]
serde = { version = "1", features = ["derive"] }
serde_json = "1"
thiserror = "2"
[profile.dev]
opt-level = 1
[workspace]
TOML
cp Cargo.lock "$crate/"
echo 'pub mod lifecycle;' >"$crate/src/lib.rs"

caught=0 failed=0

plant() { # name, file, sed program
    rm -rf "$crate/src/lifecycle"
    cp -r src/lifecycle "$crate/src/"
    sed -i -E "$3" "$crate/src/lifecycle/$2"
    if [ "$1" != none ] && cmp -s "src/lifecycle/$2" "$crate/src/lifecycle/$2"; then
        echo "NOT PLANTED  $1: the line to change is not there"
        failed=$((failed + 1))
        return
    fi
    if ! cargo build --quiet --tests --manifest-path "$crate/Cargo.toml" 2>"$crate/log"; then
        echo "NOT PLANTED  $1: does not compile"
        cat "$crate/log"
        failed=$((failed + 1))
        return
    fi
    local result=survived
    cargo test --quiet --test lifecycle --manifest-path "$crate/Cargo.toml" >"$crate/log" 2>&1 || result=caught
    if [ "$1" = none ]; then
        [ "$result" = survived ] || { echo "the unchanged machine fails:"; tail -20 "$crate/log"; exit 1; }
        echo "ok           the unchanged machine passes"
    elif [ "$result" = caught ]; then
        echo "caught       $1: $(grep -m1 -A1 'panicked at' "$crate/log" | tail -1)"
        caught=$((caught + 1))
    else
        echo "SURVIVED     $1"
        failed=$((failed + 1))
    fi
}

plant none machine.rs ''
plant 'arm after the step instead of before' machine.rs \
    's/self\.owed\.extend\(step\.row\(\)\.owes\);/if next > 0 { self.owed.extend(self.plan.order()[next - 1].row().owes); }/'
plant 'stop at the first failed undo' machine.rs \
    's/actions\.extend\(self\.next_undo\(\)\);/self.owed.clear(); actions.extend(self.next_undo());/'
plant 'forget an undo' steps.rs 's/owes: &\[DestroySource, AwaitCaptureStopped\]/owes: \&[DestroySource]/'
plant 'undo in the order of the start' machine.rs 's/UNDOS\.iter\(\)\.map/UNDOS.iter().rev().map/'
plant 'camera closed before the source is destroyed' plan.rs \
    's/let camera = \[OpenCamera, CreateSource, CreateStream\]/let camera = [CreateSource, OpenCamera, CreateStream]/'
plant 'keep the last cause instead of the first' machine.rs \
    's/(State::Starting \{ \.\. \} \| State::Running) => self\.pop_undo/\1 | State::Stopping { .. } => self.pop_undo/; s/State::Stopping \{ \.\. \} \| State::Ended => Vec::new\(\),/_ => Vec::new(),/'
plant 'do not kill after a late undo' machine.rs \
    's/actions\.push\(Action::Kill\(row\.worker\)\);//'
plant 'kill twice' machine.rs 's/if !self\.killed\.contains\(&row\.worker\) \{/if true {/'
plant 'believe the kill without observing' machine.rs 's/if row\.observes \{/if false {/'
plant 'call a held camera released' machine.rs 's/self\.held\.push\(row\.worker\);//'
plant 'hear a stale step after the stop' machine.rs \
    's/Event::Done\(step\) if self\.step\(\) == Some\(step\) => self\.advance\(\)/Event::Done(_) => self.advance()/; s/let State::Starting \{ next \} = self\.state else \{ return Vec::new\(\) \};/let next = match self.state { State::Starting { next } => next, _ => 0 };/'
plant 'take any undo for the one in progress' machine.rs \
    's/Event::Undone\(undo\) if self\.undo\(\) == Some\(undo\)/Event::Undone(_)/'
plant 'ignore a worker that ends while running' machine.rs \
    's/State::New \| State::Running => self\.stop\(Cause::Lost \{ fault: fault\(\) \}\)/State::New | State::Running => Vec::new()/'
plant 'kill the other worker' machine.rs \
    's/actions\.push\(Action::Kill\(row\.worker\)\)/actions.push(Action::Kill(if row.worker == Worker::Peer { Worker::Camera } else { Worker::Peer }))/'
plant 'skip the last step' machine.rs 's/if next \+ 1 < self\.plan/if next + 2 < self.plan/'

echo "$caught passed, $failed failed"
[ "$failed" -eq 0 ]
