// SPDX-License-Identifier: MIT OR Apache-2.0
//! Carries out in a worker what `make faults` has planted. Feature `faults` only.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use shutterd::lifecycle::{Fault, FaultCode};
use shutterd::wire::planted::{FROZEN, Misdeed, Place, Planted, When, at};

use super::state::Stage;

static PLAN: Mutex<Vec<Planted>> = Mutex::new(Vec::new());

/// Replaces the plan.
pub(crate) fn plan(faults: Vec<Planted>) {
    *PLAN.lock().unwrap_or_else(PoisonError::into_inner) = faults;
}

/// The public name of the step that a command is of.
pub(crate) fn step_of(command: &impl std::fmt::Debug) -> String {
    let text = format!("{command:?}");
    match text.split([' ', '{', '(']).next().unwrap_or_default() {
        "Attach" => "create-stream".to_owned(),
        "Detach" => "destroy-stream".to_owned(),
        name => name.chars().fold(String::new(), |mut kebab, c| {
            if c.is_ascii_uppercase() && !kebab.is_empty() {
                kebab.push('-');
            }
            kebab.push(c.to_ascii_lowercase());
            kebab
        }),
    }
}

/// What is planned for this side of `step`.
pub(crate) fn planned(place: Place, step: &str, when: When) -> Option<Misdeed> {
    at(&PLAN.lock().unwrap_or_else(PoisonError::into_inner), place, step, when)
}

/// Does what is planned for this side of `step`, where it does not concern the camera's pipeline.
///
/// # Errors
/// The planned one.
pub(crate) async fn hit<S: Default + 'static>(
    stage: &Stage<S>,
    place: Place,
    step: &str,
    when: When,
) -> Result<(), Fault> {
    let Some(misdeed) = planned(place, step, when) else { return Ok(()) };
    tracing::warn!(step, ?when, ?misdeed, "planted fault");
    match misdeed {
        Misdeed::Error => {
            let detail = format!("planted {when:?} {step}").to_lowercase();
            return Err(Fault::new(FaultCode::MessageInvalid, detail));
        }
        Misdeed::Hang => {
            stage
                .run(|_, _| {
                    loop {
                        std::thread::park();
                    }
                })
                .await?
        }
        Misdeed::Slow(ms) => {
            stage
                .run(move |_, _| {
                    let until = std::time::Instant::now() + Duration::from_millis(ms);
                    while let left = until.saturating_duration_since(std::time::Instant::now())
                        && !left.is_zero()
                    {
                        std::thread::park_timeout(left);
                    }
                })
                .await?;
        }
        Misdeed::Abort => std::process::abort(),
        // Again: the first is taken by Rust's own handler, which looks for a stack overflow.
        Misdeed::Segfault => loop {
            let _ = kill_process(getpid(), Signal::SEGV);
        },
        Misdeed::Freeze => drop(kill_process(getpid(), Signal::STOP)),
        Misdeed::Inherit => {
            // GStreamer opens nodes without close-on-exec: any child would do this.
            let child = std::process::Command::new("/bin/sleep").arg("1000").spawn();
            tracing::warn!(?child, "a child was left");
        }
        Misdeed::KeepBuffer => {}
        Misdeed::Uninterruptible => {
            let written = stage.run(|_, _| std::fs::write(FROZEN, "")).await?;
            tracing::warn!(?written, "woken");
        }
    }
    Ok(())
}
