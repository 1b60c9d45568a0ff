// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a session is disturbed: each undo fails, never ends, or loses its process, in the
//! worker that does it. The camera is observed closed within the bound all the same.

use shutterd::lifecycle::steps::UNDOS;
use shutterd::lifecycle::{Cause, Role, StopReason, UncleanWhy, Worker};
use shutterd::wire::planted::{Misdeed, Place, When};

use crate::stand::{BOUND, Stand};

async fn disturbed(misdeed: Misdeed, is_expected: fn(&UncleanWhy) -> bool) {
    let stand = Stand::new();
    for (row, role) in UNDOS.iter().zip([Role::Answerer, Role::Offerer].into_iter().cycle()) {
        let place = match row.worker {
            Worker::Camera => Place::Camera,
            Worker::Peer => Place::Peer,
        };
        let generation = stand.generation().await;
        let (watcher, session) = stand.watch(role).await;
        stand.plant(place, row.name, When::Before, misdeed).await;
        stand.stop(&session).await;
        let ended = stand.ended(generation).await;
        stand.clear().await;
        let what = format!("{misdeed:?} at {}: {:?}", row.name, ended.outcome);
        assert_eq!(ended.outcome.cause, Cause::Requested { by: StopReason::Api }, "{what}");
        assert_eq!(ended.outcome.held, [], "{what}");
        let first = ended.outcome.unclean.first().unwrap_or_else(|| panic!("{what}"));
        assert!(first.undo.name() == row.name && is_expected(&first.why), "{what}");
        let closed = ended.closed_after();
        assert!(closed.is_some_and(|closed| closed <= BOUND), "{what}: closed after {closed:?}");
        drop(watcher);
        stand.next_session_works(role).await;
    }
    stand.is_as_before().await;
}

// Failure modes: V9, V10, G7, G13, N14.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_that_never_ends_costs_its_worker_and_not_the_bound() {
    disturbed(Misdeed::Hang, |why| *why == UncleanWhy::Late).await;
}

// Failure modes: V11.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_freezes_in_an_undo_is_killed_and_observed() {
    disturbed(Misdeed::Freeze, |why| *why == UncleanWhy::Late).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_crashes_in_an_undo_has_closed_what_it_held() {
    disturbed(Misdeed::Segfault, |why| !matches!(why, UncleanWhy::Late)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_that_fails_stops_none_of_those_after_it() {
    disturbed(Misdeed::Error, |why| matches!(why, UncleanWhy::Failed { .. })).await;
}
