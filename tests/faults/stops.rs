// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stops that come at any moment, from several sides, and while figures are asked for.

use std::time::Duration;

use hyper::Method;
use rustix::process::Signal;
use shutterd::lifecycle::steps::UNDOS;
use shutterd::lifecycle::{Cause, Role, StopReason};
use shutterd::wire::planted::{Misdeed, Place, When};

use crate::service::request_to;
use crate::stand::{BOUND, Disturbed, Stand};
use crate::watcher::Watcher;

/// Lets time pass: here it is what is tested, and no wait for anything.
async fn pass(ms: u64) {
    let never = std::future::pending::<()>();
    let _ = tokio::time::timeout(Duration::from_millis(ms), never).await;
}

fn ended_once(ended: &Disturbed, what: &str) {
    let cause = &ended.outcome.cause;
    assert!(matches!(cause, Cause::Requested { .. }), "{what}: ended by {cause}");
    assert_eq!(ended.outcome.held, [], "{what}");
    let closed = ended.closed_after();
    assert!(closed.is_none_or(|closed| closed <= BOUND), "{what}: closed after {closed:?}");
}

/// From the first moment of a start to well after its last step.
// Failure modes: V7, V14, N6.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_at_any_moment_of_the_first_600_ms_wins() {
    let stand = Stand::new();
    let roles = [Role::Answerer, Role::Offerer].into_iter().cycle();
    for (ms, role) in (0..=600).step_by(10).zip(roles) {
        let generation = stand.generation().await;
        let watcher = Watcher::start(stand.address(), role);
        let session = stand.begun(generation).await;
        pass(ms).await;
        stand.stop(&session).await;
        ended_once(&stand.ended(generation).await, &format!("{role:?} after {ms} ms"));
        drop(watcher);
    }
    stand.next_session_works(Role::Answerer).await;
    stand.next_session_works(Role::Offerer).await;
    stand.is_as_before().await;
}

// Failure modes: G6, N8.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stops_from_all_sides_at_once_end_a_session_once() {
    let stand = Stand::new();
    let all: Vec<_> = UNDOS.iter().map(|row| row.name).collect();
    for role in [Role::Answerer, Role::Offerer].repeat(5) {
        let generation = stand.generation().await;
        let (watcher, session) = stand.watch(role).await;
        watcher.leave();
        watcher.cut();
        tokio::join!(stand.stop(&session), stand.stop(&session), stand.stop(&session));
        let ended = stand.ended(generation).await;
        ended_once(&ended, &format!("{role:?}"));
        assert_eq!(ended.outcome.unclean, []);
        assert_eq!(ended.undone(), all);
        drop(watcher);
        stand.next_session_works(role).await;
    }
    stand.is_as_before().await;
}

// Failure modes: G6, N13.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_services_end_may_come_with_other_stops() {
    for role in [Role::Answerer, Role::Offerer] {
        let mut stand = Stand::new();
        let (watcher, session) = stand.watch(role).await;
        // So long that all of them come while the first is being done.
        let slow = Misdeed::Slow(500);
        stand.plant(Place::Camera, "destroy-source", When::Before, slow).await;
        let path = format!("/api/v1/sessions/{}", session.id);
        let stop = request_to(stand.address(), Method::DELETE, &path, &[], "");
        watcher.leave();
        stand.service.signal(Signal::TERM);
        // The service may be gone before it answers.
        let _ = stop.await;
        let ended = stand.service.ended();
        let said = stand.service.said();
        assert_eq!(ended.code(), Some(0), "{said}");
        assert_eq!(said.matches("session ended").count(), 1, "{said}");
    }
}

// Failure modes: G5.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_asked_for_all_along_hold_up_no_stop() {
    let stand = Stand::new();
    for role in [Role::Answerer, Role::Offerer].repeat(10) {
        let generation = stand.generation().await;
        let (watcher, session) = stand.watch(role).await;
        let path = format!("/api/v1/sessions/{}/stats", session.id);
        let ask = async || while stand.service.get(&path).await.status.is_success() {};
        // The stop comes when figures are under way.
        let stop = async {
            assert!(stand.service.get(&path).await.status.is_success());
            stand.stop(&session).await;
        };
        tokio::join!(ask(), ask(), ask(), stop);
        let ended = stand.ended(generation).await;
        ended_once(&ended, &format!("{role:?}"));
        assert_eq!(ended.outcome.cause, Cause::Requested { by: StopReason::Api });
        assert_eq!(ended.outcome.unclean, []);
        drop(watcher);
    }
    stand.is_as_before().await;
}
