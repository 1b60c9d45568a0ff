#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Plants faults in the lifecycle machine, in its driver, and in how a camera is shared and released, one
# at a time, and requires that the test which is there for it catches each. A fault that survives means that
# the tests have a hole. With an argument only the faults whose names contain it are planted; with SHARE=4 each fourth one is,
# beginning with another one at each commit.
set -euo pipefail
cd "$(dirname "$0")/.."

only=${1:-}
share=${SHARE:-1}
first=$(($(git rev-list --count HEAD) % share))
caught=0 failed=0 listed=0

# Begins a crate of its own in target/mutants: $1 is its name, the rest are the modules of src/ that
# it has. What it does not need is not built, and the build of the product is not touched.
crate() {
    crate=target/mutants/$1
    shift
    modules=("$@")
    mkdir -p "$crate/src" "$crate/tests"
    cp Cargo.lock "$crate/"
    printf 'pub mod %s;\n' "${modules[@]}" >"$crate/src/lib.rs"
    cat >"$crate/Cargo.toml"
}

# Plants one fault: its name, the file, the sed program, and the tests to run as cargo is told.
plant() {
    local name=$1 file=$2 program=$3 result=survived
    shift 3
    [[ $name == none || $name == *"$only"* ]] || return 0
    if [ "$name" != none ]; then
        listed=$((listed + 1))
        [ "$((listed % share))" -eq "$first" ] || return 0
    fi
    for module in "${modules[@]}"; do
        rm -rf "$crate/src/$module"
        cp -r "src/$module" "$crate/src/"
    done
    sed -i -E "$program" "$crate/src/$file"
    if [ "$name" != none ] && cmp -s "src/$file" "$crate/src/$file"; then
        echo "NOT PLANTED  $name: the line to change is not there"
        failed=$((failed + 1))
        return
    fi
    if ! cargo test --no-run --quiet --manifest-path "$crate/Cargo.toml" "$@" 2>"$crate/log"; then
        echo "NOT PLANTED  $name: does not compile"
        cat "$crate/log"
        failed=$((failed + 1))
        return
    fi
    cargo test --quiet --manifest-path "$crate/Cargo.toml" "$@" >"$crate/log" 2>&1 || result=caught
    if [ "$name" != none ] && grep -q '^running 0 tests' "$crate/log"; then
        echo "NOT TESTED   $name: there is no such test"
        failed=$((failed + 1))
    elif [ "$name" = none ]; then
        [ "$result" = survived ] || { echo "what is unchanged fails:"; tail -20 "$crate/log"; exit 1; }
        echo "ok           $crate: what is unchanged passes"
    elif [ "$result" = caught ]; then
        echo "caught       $name: $(grep -m1 -A1 'panicked at' "$crate/log" | tail -1)"
        caught=$((caught + 1))
    else
        echo "SURVIVED     $name"
        failed=$((failed + 1))
    fi
}

# The lifecycle is pure: it builds alone, in seconds.
crate lifecycle lifecycle <<'TOML'
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
cp -r tests/lifecycle.rs tests/lifecycle "$crate/tests/"
walk=(--test lifecycle)

plant none lifecycle/machine.rs '' "${walk[@]}"
plant 'arm after the step instead of before' lifecycle/machine.rs \
    's/for step in &ready \{/for step in done.last() {/' "${walk[@]}"
plant 'begin a step before what it depends on' lifecycle/plan.rs \
    's/let mut needed = self\.dependencies\(lane\[next\]\);/let mut needed = Vec::new();/' "${walk[@]}"
plant 'stop at the first failed undo' lifecycle/machine.rs \
    's/actions\.extend\(self\.next_undo\(\)\);/self.owed.clear(); actions.extend(self.next_undo());/' "${walk[@]}"
plant 'forget an undo' lifecycle/steps.rs 's/owes: &\[DestroySource, AwaitCaptureStopped\]/owes: \&[DestroySource]/' "${walk[@]}"
plant 'undo in the order of the start' lifecycle/machine.rs 's/UNDOS\.iter\(\)\.map/UNDOS.iter().rev().map/' "${walk[@]}"
plant 'a viewer answered before the camera is open' lifecycle/plan.rs \
    's/after\.push\(Step::OpenCamera\);//' "${walk[@]}"
plant 'camera closed before the source is destroyed' lifecycle/plan.rs \
    's/let camera = \[OpenCamera, CreateSource, CreateStream\]/let camera = [CreateSource, OpenCamera, CreateStream]/' "${walk[@]}"
plant 'keep the last cause instead of the first' lifecycle/machine.rs \
    's/(State::Starting \{ \.\. \} \| State::Running) => self\.pop_undo/\1 | State::Stopping { .. } => self.pop_undo/; s/State::Stopping \{ \.\. \} \| State::Ended => Vec::new\(\),/_ => Vec::new(),/' "${walk[@]}"
plant 'do not kill after a late undo' lifecycle/machine.rs \
    's/actions\.push\(Action::Kill\(row\.worker\)\);//' "${walk[@]}"
plant 'kill twice' lifecycle/machine.rs 's/if !self\.killed\.contains\(&row\.worker\) \{/if true {/' "${walk[@]}"
plant 'believe the kill without observing' lifecycle/machine.rs 's/if row\.observes \{/if false {/' "${walk[@]}"
plant 'call a held camera released' lifecycle/machine.rs 's/self\.held\.push\(row\.worker\);//' "${walk[@]}"
plant 'take any step for one in progress' lifecycle/machine.rs \
    's/position\(\|begun\| \*begun == step\)/position(|_| true)/' "${walk[@]}"
plant 'take any undo for the one in progress' lifecycle/machine.rs \
    's/Event::Undone\(undo\) if self\.undo\(\) == Some\(undo\)/Event::Undone(_)/' "${walk[@]}"
plant 'ignore a worker that ends while running' lifecycle/machine.rs \
    's/State::New \| State::Running => self\.stop\(Cause::Lost \{ fault: fault\(\) \}\)/State::New | State::Running => Vec::new()/' "${walk[@]}"
plant 'kill the other worker' lifecycle/machine.rs \
    's/actions\.push\(Action::Kill\(row\.worker\)\)/actions.push(Action::Kill(if row.worker == Worker::Peer { Worker::Camera } else { Worker::Peer }))/' "${walk[@]}"
plant 'skip the last step' lifecycle/machine.rs 's/if done\.len\(\) == self/if done.len() + 1 == self/' "${walk[@]}"

# The floors below HTTP and the media, with the dependencies that they have in the product.
crate session config device lifecycle pipeline sdp session wire worker < <(
    sed -n '/^\[package\]/,/^$/p; /^\[dependencies\]/,/^$/p; /^\[dev-dependencies\]/,/^$/p' Cargo.toml |
        grep -vE '^(gst|axum|clap|http|hyper|tower|sd-notify|tokio-stream|tokio-tungstenite|tracing-|zbus|listenfd)'
    printf '[profile.dev]\ndebug = false\n[workspace]\n'
)
cp tests/fake-worker.sh tests/driver.rs "$crate/tests/"
mkdir -p "$crate/pipelines"
cp pipelines/*.toml "$crate/pipelines/"

camera() { # name, file, sed program, test
    plant "$1" "$2" "$3" --lib "$4" -- --exact
}

plant none session/camera/mod.rs '' --lib -- session::camera device::
t=session::camera::tests
camera 'the worker is not told to close the camera' session/camera/close.rs \
    's/if !confirming && !worker\.is_ending\(\)/if false/' $t::a_worker_ends_because_it_was_told_to_close
camera 'the close is not observed' session/camera/close.rs 's/if !seen\.is_closed\(\)/if false/' \
    $t::what_is_still_held_is_not_closed
camera "the worker's word is taken for its end" session/camera/close.rs \
    's/let exit = worker\.reaped\(\)\.await;/self.closed(\&run); &/' \
    $t::it_is_closed_when_its_worker_has_ended_and_not_before
camera 'after a kill the end of the worker is believed' session/camera/wedge.rs \
    's/worker\.is_none\(\) && seen\.is_closed\(\)/worker.is_none()/' \
    $t::the_hook_runs_once_and_after_everything_else
camera 'a viewer is told of the end before the last look' session/stage.rs \
    's/if outcome\.held\.contains/self.outbox.tell(ToViewer::Ended(outcome.clone())); &/' \
    $t::a_viewer_is_told_of_the_end_after_the_last_look
camera 'a lease is given on a run that is closing' session/camera/open.rs \
    's/Some\(run\) if run\.is_closing\(\) => return Ok\(Grant::AfterClosing\),//' \
    $t::who_comes_while_it_closes_waits_and_gets_another_worker
camera 'one of two viewers kills the worker of both' session/camera/close.rs \
    's/if let GivenBack::Last\(run\) = self\.give_back\(session\)$/let run = self.leases().run.clone(); self.give_back(session); if let Some(run) = run/' \
    $t::a_kill_for_one_of_two_kills_nothing
camera 'the oracle is not asked before a camera is opened' session/camera/run.rs \
    's/shutter\.await_closed\(FREE_WITHIN\)\.await\.may_open\(\)\?;/let _ = \&shutter;/' \
    $t::a_camera_that_somebody_has_is_not_opened
camera 'a wedged camera is opened all the same' session/camera/open.rs \
    's/self\.unwedge\(\)\.await\?;//; s/if let Some\(wedge\) = &leases\.wedge/if let Some(wedge) = \&leases.wedge \&\& false/' \
    $t::a_wedged_camera_is_refused_and_free_again_by_itself
camera 'the latch never clears' session/camera/wedge.rs 's/leases\.wedge = None;/return Ok(());/' \
    $t::a_wedged_camera_is_refused_and_free_again_by_itself
camera 'a wedged camera is not looked at again' session/camera/wedge.rs \
    's/while self\.unwedge\(\)\.await\.is_err\(\)/while false/' \
    $t::a_wedged_camera_is_refused_and_free_again_by_itself
camera 'the hook runs before the kill' session/camera/close.rs \
    's/if !seen\.is_closed\(\) \{/& self.recover("").await;/' $t::the_hook_runs_once_and_after_everything_else
camera 'the hook runs at each look' session/camera/wedge.rs \
    's/any_ended\(&seen\.evidence\.holders\)\.await;/& self.recover("").await;/' \
    $t::the_hook_runs_once_and_after_everything_else
camera 'each failure begins the clock anew' session/camera/reopen.rs \
    's/Some\(\(began, over\)\) if over \+ within > now => began/Some((_, over)) if over + within > now => now/' \
    $t::one_clock_runs_however_often_the_camera_comes_back
camera "any holder is taken for an earlier run's worker" session/camera/wedge.rs \
    's/holder\.kin == Kin::EarlierWorker/holder.kin != Kin::OwnWorker/' \
    $t::only_an_earlier_worker_of_ours_wedges_the_camera_at_the_start
camera 'a program is ours because it says so' device/process.rs \
    's/let is_worker = .*;/let is_worker = self.command() == WORKER;/' \
    device::process::tests::a_worker_without_its_service_is_of_an_earlier_run
camera 'a worker of another service is ours' device/process.rs \
    's/&& !STARTERS\.contains\(&starter\.as_str\(\)\)/\&\& starter.as_str() != "nobody"/' \
    device::process::tests::a_worker_without_its_service_is_of_an_earlier_run
camera 'a worker of who tries a board is of an earlier run' device/process.rs \
    's/\["shutterd", "shutterctl"\]/["shutterd", "shutterd"]/' \
    device::process::tests::a_worker_without_its_service_is_of_an_earlier_run
camera 'an end between two openings is not observed' session/camera/close.rs \
    's/worker\.is_none\(\) && retired\.is_none\(\)/worker.is_none()/' \
    $t::an_end_between_two_openings_is_observed_too
camera 'what is hidden is taken for nobody' device/observation.rs \
    's/_ if !self\.hidden\.is_nothing\(\) => Verdict::ClosedAsSeen,//' \
    device::observation::tests::what_cannot_be_seen_is_said
camera 'what may not be read is not counted' device/holders.rs \
    's/found\.hidden\.processes \+= .*;//' device::holders::tests::what_may_not_be_read_is_counted_as_hidden
camera 'a look that failed is taken for nobody' device/observation.rs \
    's/_ if self\.blind\.is_some\(\) => return Verdict::Unknown,//' \
    device::tests::a_system_that_cannot_be_looked_at_is_not_closed

driver() { # name, sed program, test
    plant "$1" session/driver.rs "$2" --test driver "$3" -- --exact
}

plant none session/driver.rs '' --test driver
driver 'a step may take for ever' 's/timeout\(deadline, step_of/timeout(Duration::MAX, step_of/' \
    a_hanging_step_is_late_after_exactly_its_deadline_and_undone
driver "a step has another's deadline" 's/deadlines\.step\(step\)/deadlines.step(Step::CreatePeer)/' \
    a_hanging_step_is_late_after_exactly_its_deadline_and_undone
driver 'an undo may take for ever' 's/timeout\(deadline, undo_of/timeout(Duration::MAX, undo_of/' \
    a_hanging_undo_is_late_its_worker_killed_and_the_rest_still_runs
driver 'the look after a kill may take for ever' 's/true, KILL_DEADLINE/true, Duration::MAX/' \
    what_is_still_there_after_a_kill_is_held_and_nobody_waits_for_it
driver 'after a kill the undo is tried again' 's/true, KILL_DEADLINE/false, KILL_DEADLINE/' \
    a_hanging_undo_is_late_its_worker_killed_and_the_rest_still_runs
driver 'nobody is killed' 's/stage\.kill\(worker\);/let _ = worker;/' \
    a_hanging_undo_is_late_its_worker_killed_and_the_rest_still_runs
driver 'an undo that failed is taken for done' 's/Event::UndoFailed\(undo, fault\)/Event::Undone(undo)/' \
    a_failing_step_is_the_cause_and_a_failing_undo_is_not
driver 'a step that failed is taken for late' 's/Event::Failed\(step, fault\)/Event::Late(step)/' \
    a_failing_step_is_the_cause_and_a_failing_undo_is_not
driver "a step's end is told of another step" 's/Event::Done\(step\)/Event::Done(Step::CreatePeer)/' \
    a_whole_session_runs_twelve_steps_and_seven_undos
driver 'undos are not in the timeline' 's/record\(timeline\)\.undo\(undo\);//' \
    a_whole_session_runs_twelve_steps_and_seven_undos
driver 'the timeline does not hear what came of a step' 's/record\(timeline\)\.end\(name, result, done\);/drop(done);/' \
    a_whole_session_runs_twelve_steps_and_seven_undos
driver 'a stop waits for the step in progress' 's/= events\.recv\(\) =>/= events.recv(), if work.is_empty() =>/' \
    a_stop_wins_over_a_step_in_progress
driver 'a step goes on beside the undos' 's/work\.clear\(\);//' a_stop_wins_over_a_step_in_progress
driver "a lane's step gives up the other lane's" 's/work\.push\(Box::pin\(run\(/work.clear(); &/' \
    of_two_lanes_neither_holds_up_the_other_and_both_are_undone
driver 'the time limit is not looked at' 's/if !time_is_over =>/if false \&\& !time_is_over =>/' \
    a_session_ends_when_its_time_is_up

echo "$caught caught, $failed failed, of $listed"
[ "$failed" -eq 0 ]
