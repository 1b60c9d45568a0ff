// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rule in a world of steps: what the viewer does, and when it is declared vanished.

use proptest::prelude::*;

use super::*;
use crate::media::peer::flow::Flow;

/// One step of the world, in milliseconds.
const STEP: u64 = 50;

/// A timer comes late by at most this.
const LATE: u64 = 100;

const BOUND: u64 = 5000;
const SLOW_BOUND: u64 = 15_000;

/// How things are, for a time.
#[derive(Clone, Copy, Debug)]
struct Times {
    lasting: u64,
    /// Packets leave.
    stream: bool,
    /// The viewer reports, with so much between two reports.
    reports: Option<u64>,
    channel: bool,
    /// A heartbeat is answered, after so long.
    answer: Option<u64>,
    path: bool,
}

/// A viewer that is connected and does nothing.
const QUIET: Times =
    Times { lasting: 0, stream: false, reports: None, channel: false, answer: None, path: true };

/// The rule, and what a reference remembers of the world. Moments are in milliseconds.
struct World {
    zero: Instant,
    now: u64,
    heard: Flow,
    sent: Flow,
    outage: Outage,
    look_at: u64,
    path: bool,
    answers: Vec<u64>,
    asks: Vec<u64>,
    last_heard: u64,
    vanished: Option<u64>,
}

impl World {
    fn new() -> Self {
        let zero = Instant::now();
        Self {
            zero,
            now: 0,
            heard: Flow::new(zero),
            sent: Flow::new(zero),
            outage: Outage::new(zero),
            look_at: 0,
            path: true,
            answers: Vec::new(),
            asks: Vec::new(),
            last_heard: 0,
            vanished: None,
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.zero + Duration::from_millis(millis)
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from((at - self.zero).as_millis()).unwrap()
    }

    /// One step, up to the viewer's end.
    fn step(&mut self, times: &Times, late: u64) {
        self.now += STEP;
        let now = self.at(self.now);
        if times.stream {
            self.sent.mark(now);
        }
        let answered = self.answers.iter().any(|at| *at <= self.now);
        self.answers.retain(|at| *at > self.now);
        if answered || times.reports.is_some_and(|period| self.now.is_multiple_of(period)) {
            self.heard.mark(now);
            self.last_heard = self.now;
        }
        if self.path != times.path {
            self.path = times.path;
            self.look_at = self.now;
        }
        if self.look_at <= self.now {
            self.look(times, late);
        }
    }

    fn look(&mut self, times: &Times, late: u64) {
        let now = self.at(self.now);
        // Said again at each look, as it is where the rule is used.
        if self.path {
            self.outage.path_found(now)
        } else {
            self.outage.path_lost(now)
        }
        match self.outage.next(now, self.heard.run(), self.sent.run()) {
            Next::Vanished => self.vanished = Some(self.now),
            Next::Wait(until) => {
                assert!(until > now, "waits for the past");
                self.look_at = self.millis(until) + late;
            }
            Next::Ask => {
                self.outage.asked(now, times.channel);
                if times.channel {
                    self.asks.push(self.now);
                    self.answers.extend(times.answer.map(|delay| self.now + delay));
                }
                self.look(times, late);
            }
        }
    }
}

/// The time at which the viewer is declared vanished, if it is.
fn end_of(script: &[Times]) -> (Option<u64>, World) {
    let mut world = World::new();
    for times in script {
        for _ in 0..times.lasting / STEP {
            world.step(times, 0);
            if world.vanished.is_some() {
                return (world.vanished, world);
            }
        }
    }
    (None, world)
}

const MINUTE: u64 = 60_000;

#[test]
fn a_browser_that_is_killed_has_vanished_after_the_bound() {
    let alive =
        Times { lasting: 20_000, stream: true, reports: Some(1000), channel: true, ..QUIET };
    let dead = Times { lasting: MINUTE, reports: None, ..alive };
    let (end, world) = end_of(&[alive, dead]);
    assert_eq!(end, Some(20_000 + BOUND));
    assert_eq!(world.asks, [22_000, 23_000, 24_000]);
    // Its reports came steadily, so they are missed without a channel too.
    let no_channel = |times| Times { channel: false, ..times };
    assert_eq!(end_of(&[no_channel(alive), no_channel(dead)]).0, Some(20_000 + BOUND));
}

#[test]
fn slow_reports_are_waited_for() {
    let alive = Times { lasting: MINUTE, stream: true, reports: Some(6200), ..QUIET };
    let dead = Times { reports: None, ..alive };
    assert_eq!(end_of(&[alive]).0, None);
    let (end, world) = end_of(&[alive, dead]);
    assert_eq!(end, Some(world.last_heard + SLOW_BOUND));
    // Some come early, when packets were lost.
    let early = Times { lasting: 9000, reports: Some(1000), ..alive };
    assert_eq!(end_of(&[alive, early, alive]).0, None);
}

#[test]
fn with_nothing_sent_heartbeats_tell_who_is_there() {
    let alive = Times { lasting: MINUTE, channel: true, answer: Some(200), ..QUIET };
    let dead = Times { answer: None, ..alive };
    let (end, world) = end_of(&[alive]);
    assert_eq!(end, None);
    assert!((20..=30).contains(&world.asks.len()), "{:?}", world.asks);
    let (end, world) = end_of(&[alive, dead]);
    assert_eq!(end, Some(world.last_heard + BOUND));
}

#[test]
fn without_a_channel_and_with_nothing_sent_silence_is_no_sign() {
    assert_eq!(end_of(&[Times { lasting: 10 * MINUTE, ..QUIET }]).0, None);
}

#[test]
fn a_stream_that_begins_again_gives_the_viewer_its_time() {
    let pause = Times { lasting: MINUTE, ..QUIET };
    let again = Times { stream: true, ..pause };
    let (end, _) = end_of(&[pause, again]);
    assert_eq!(end, Some(MINUTE + STEP + SLOW_BOUND));
}

#[test]
fn a_lost_path_has_one_clock() {
    let whole = Times { lasting: MINUTE, ..QUIET };
    let lost = Times { path: false, ..whole };
    let for_a = |lasting, times| Times { lasting, ..times };
    assert_eq!(end_of(&[whole, lost]).0, Some(MINUTE + STEP + BOUND));
    // Found in time, and whole from then on.
    assert_eq!(end_of(&[for_a(4000, lost), whole, for_a(4000, lost)]).0, None);
    // Flapping, each time for less than the bound.
    let flaps = [for_a(2000, lost), for_a(2000, whole)].repeat(3);
    assert_eq!(end_of(&flaps).0, Some(STEP + BOUND));
    // Heard in between, the clock begins anew.
    let heard = Times { lasting: 4000, reports: Some(2000), ..lost };
    assert_eq!(end_of(&[heard, lost]).0, Some(4000 + BOUND));
}

fn times() -> impl Strategy<Value = Times> {
    let some = |values| prop::option::of(prop::sample::select(values));
    let reports = some(vec![500, 1000, 1500, 3000, 6200]);
    let answer = some(vec![100, 200, 1000, 2900, 3500]);
    let (stream, channel, path) = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.8));
    (STEP..20_000, stream, reports, channel, answer, path).prop_map(
        |(lasting, stream, reports, channel, answer, path)| Times {
            lasting,
            stream,
            reports,
            channel,
            answer,
            path,
        },
    )
}

/// Since when something holds without a break.
#[derive(Default)]
struct Since(Option<u64>);

impl Since {
    fn note(&mut self, holds: bool, now: u64) {
        self.0 = holds.then(|| self.0.unwrap_or(now));
    }

    /// Whether it held for `long`, and the viewer was silent all that time.
    fn silent_for(&self, long: u64, world: &World) -> bool {
        self.0.is_some_and(|since| world.now >= since.max(world.last_heard) + long)
    }
}

proptest! {
    // Many cheap cases, and no file of old failures: a failure prints its own case.
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn silence_that_counts_is_declared_in_time_and_no_other_is(
        script in prop::collection::vec(times(), 1..8),
        late in prop::sample::select(vec![0, STEP, LATE]),
    ) {
        let mut world = World::new();
        let (mut open, mut streams, mut lost) = <(Since, Since, Since)>::default();
        // A heartbeat that could not leave is tried again after its time, each timer may be late.
        let tick = 3 * LATE + STEP;
        'world: for times in &script {
            for _ in 0..times.lasting / STEP {
                world.step(times, late);
                open.note(times.channel, world.now);
                streams.note(times.stream, world.now);
                lost.note(!times.path, world.now);
                if world.vanished.is_some() {
                    break 'world;
                }
                prop_assert!(!open.silent_for(BOUND + tick, &world), "unanswered, {}", world.now);
                prop_assert!(!streams.silent_for(SLOW_BOUND + tick, &world), "unheard, {}", world.now);
                prop_assert!(!lost.silent_for(BOUND + tick, &world), "no path, {}", world.now);
            }
        }
        if let Some(end) = world.vanished {
            prop_assert!(end >= world.last_heard + BOUND, "heard at {}, end at {end}", world.last_heard);
            let asked = world.asks.iter().find(|ask| **ask > world.last_heard);
            let unanswered = asked.is_some_and(|ask| end >= ask + 3000);
            let sent = end <= world.millis(world.sent.run().last) + 2000;
            prop_assert!(unanswered || sent || !world.path, "nothing went unanswered, {end}");
            // An end stays one.
            let later = world.at(end + 1000);
            let sent = Run { last: later, ..world.sent.run() };
            prop_assert_eq!(world.outage.next(later, world.heard.run(), sent), Next::Vanished);
        }
    }

    #[test]
    fn who_answers_is_never_declared_vanished(
        script in prop::collection::vec(times(), 1..8),
        delay in prop::sample::select(vec![50, 200, 1000, 2900]),
    ) {
        let script: Vec<_> = script
            .into_iter()
            .map(|times| Times { channel: true, answer: Some(delay), ..times })
            .collect();
        prop_assert_eq!(end_of(&script).0, None);
    }
}
