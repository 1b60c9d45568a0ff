// SPDX-License-Identifier: MIT OR Apache-2.0
//! One direction of the path, without a clock: packets are let out by the sender's pacer, if it has
//! one, lost at random, wait in a bounded queue for the link, take their time over it, and are then
//! under way for the delay.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::settings::Settings;

/// One IP packet.
pub type Packet = Box<[u8]>;

/// What became of the packets so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that came.
    pub arrived: u64,
    /// Of those, lost at random.
    pub lost: u64,
    /// Of those, dropped by the full queue.
    pub dropped: u64,
    /// Of those, delivered.
    pub left: u64,
    /// Bytes that were delivered, IP headers included.
    pub bytes: u64,
}

/// One direction.
#[derive(Debug)]
pub struct Direction {
    settings: Settings,
    chance: fastrand::Rng,
    /// What waits for the pacer, with the moment at which it lets it out.
    paced: VecDeque<(Instant, Packet)>,
    /// When the pacer may let out the next.
    pacer_free: Instant,
    /// What waits for the link, with the moment of its arrival.
    waiting: VecDeque<(Instant, Packet)>,
    waiting_bytes: u64,
    /// When the link has sent what it sends.
    free: Instant,
    /// What is under way, with the moment at which it is there.
    under_way: VecDeque<(Instant, Packet)>,
    counts: Counts,
}

impl Direction {
    /// An empty path whose losses follow from `seed` alone.
    pub fn new(settings: Settings, seed: u64, now: Instant) -> Self {
        Self {
            settings,
            chance: fastrand::Rng::with_seed(seed),
            paced: VecDeque::new(),
            pacer_free: now,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            free: now,
            under_way: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// From `now` on the path is like this, for what waits too. What is under way stays so.
    pub fn set(&mut self, settings: Settings, now: Instant) {
        self.advance(now);
        self.settings = settings;
    }

    /// What became of the packets so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// A packet comes.
    pub fn arrive(&mut self, packet: Packet, now: Instant) {
        self.advance(now);
        self.counts.arrived += 1;
        let out = if self.settings.pace.is_some() { self.pacer_free.max(now) } else { now };
        self.pacer_free = out + takes(self.settings.pace, packet.len() as u64);
        self.paced.push_back((out, packet));
        self.advance(now);
    }

    /// A packet comes to the link.
    fn enter(&mut self, packet: Packet, now: Instant) {
        // Drawn for each packet, so that the same ones are lost whatever the queue does.
        if self.chance.f64() < self.settings.loss {
            self.counts.lost += 1;
        } else if self.takes(self.waiting_bytes) > self.settings.queue {
            self.counts.dropped += 1;
        } else {
            self.waiting_bytes += packet.len() as u64;
            self.waiting.push_back((now, packet));
        }
    }

    /// The next packet that is there at `now`.
    pub fn leave(&mut self, now: Instant) -> Option<Packet> {
        self.advance(now);
        self.under_way.front().filter(|(due, _)| *due <= now)?;
        let (_, packet) = self.under_way.pop_front()?;
        self.counts.left += 1;
        self.counts.bytes += packet.len() as u64;
        Some(packet)
    }

    /// When something happens next, if nothing arrives.
    pub fn next(&self) -> Option<Instant> {
        let out = self.paced.front().map(|(out, _)| *out);
        let sent = self.waiting.front().map(|(arrived, packet)| self.sent(*arrived, packet));
        let there = self.under_way.front().map(|(due, _)| *due);
        out.into_iter().chain(sent).chain(there).min()
    }

    /// All that happens by `now`, in its order.
    fn advance(&mut self, now: Instant) {
        while self.paced.front().is_some_and(|(out, _)| *out <= now) {
            let Some((out, packet)) = self.paced.pop_front() else { break };
            self.send(out);
            self.enter(packet, out);
        }
        self.send(now);
    }

    /// Puts on its way what the link has sent by `now`. By the link's own time: whoever looks late
    /// makes it no slower.
    fn send(&mut self, now: Instant) {
        while let Some((arrived, packet)) = self.waiting.front() {
            let sent = self.sent(*arrived, packet);
            if sent > now {
                return;
            }
            let Some((_, packet)) = self.waiting.pop_front() else { return };
            self.free = sent;
            self.waiting_bytes -= packet.len() as u64;
            // A delay that has become shorter lets nothing overtake.
            let earlier = self.under_way.back().map_or(sent, |(due, _)| *due);
            self.under_way.push_back((earlier.max(sent + self.settings.delay), packet));
        }
    }

    fn sent(&self, arrived: Instant, packet: &[u8]) -> Instant {
        self.free.max(arrived) + self.takes(packet.len() as u64)
    }

    /// How long the link takes to send so many bytes.
    fn takes(&self, bytes: u64) -> Duration {
        takes(self.settings.rate, bytes)
    }
}

fn takes(rate: Option<u64>, bytes: u64) -> Duration {
    rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64((bytes * 8) as f64 / rate as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet() -> Packet {
        vec![0; 1250].into()
    }

    fn direction(text: &str) -> (Direction, Instant) {
        let (now, settings) = (Instant::now(), Settings::default().with(text).unwrap());
        (Direction::new(settings, 1, now), now)
    }

    /// Milliseconds after `began` at which each packet leaves, with nobody late.
    fn departures(direction: &mut Direction, began: Instant) -> Vec<u128> {
        let mut times = Vec::new();
        while let Some(next) = direction.next() {
            while direction.leave(next).is_some() {
                times.push((next - began).as_millis());
            }
        }
        times
    }

    #[test]
    fn each_packet_takes_its_time_and_then_the_delay() {
        // 1250 bytes at 1 Mb/s are 10 ms.
        let (mut direction, now) = direction("rate=1M delay=5ms queue=100ms");
        (0..3).for_each(|_| direction.arrive(packet(), now));
        direction.arrive(packet(), now + Duration::from_millis(50));
        assert_eq!(departures(&mut direction, now), [15, 25, 35, 65]);
    }

    #[test]
    fn a_full_queue_drops_what_comes() {
        let (mut direction, now) = direction("rate=1M queue=20ms");
        (0..10).for_each(|_| direction.arrive(packet(), now));
        assert_eq!(departures(&mut direction, now), [10, 20, 30]);
        assert_eq!(direction.counts().dropped, 7);
        direction.arrive(packet(), now + Duration::from_millis(31));
        assert_eq!(departures(&mut direction, now), [41]);
    }

    #[test]
    fn a_paced_burst_finds_room_in_the_queue() {
        let (mut direction, now) = direction("rate=2M queue=10ms pace=1M");
        (0..4).for_each(|_| direction.arrive(packet(), now));
        // Let out each 10 ms, and 5 ms on the link.
        assert_eq!(departures(&mut direction, now), [5, 15, 25, 35]);
        assert_eq!(direction.counts().dropped, 0);
    }

    #[test]
    fn whoever_looks_late_makes_the_link_no_slower() {
        let (mut direction, now) = direction("rate=1M queue=1s");
        (0..50).for_each(|_| direction.arrive(packet(), now));
        let late = now + Duration::from_millis(455);
        let left = std::iter::from_fn(|| direction.leave(late)).count();
        assert_eq!(left, 45);
        assert_eq!(departures(&mut direction, now)[..2], [460, 470]);
    }

    #[test]
    fn a_new_rate_counts_for_what_waits_and_nothing_overtakes() {
        let (mut direction, now) = direction("rate=1M delay=100ms queue=1s");
        (0..3).for_each(|_| direction.arrive(packet(), now));
        let settings = Settings::default().with("rate=100k delay=0ms queue=1s").unwrap();
        direction.set(settings, now + Duration::from_millis(15));
        // The first was under way; the second begins at 10 ms and takes 100.
        assert_eq!(departures(&mut direction, now), [110, 110, 210]);
    }

    #[test]
    fn losses_follow_from_the_seed_and_are_as_many_as_asked() {
        let lost = |seed, text: &str| {
            let (_, now) = direction("");
            let settings = Settings::default().with(text).unwrap();
            let mut direction = Direction::new(settings, seed, now);
            (0..20_000).for_each(|_| direction.arrive(packet(), now));
            direction.counts().lost
        };
        // Four standard deviations of the binomial distribution are 123.
        assert!(lost(1, "loss=5%").abs_diff(1000) <= 123);
        assert!(lost(2, "loss=5%").abs_diff(1000) <= 123);
        assert_eq!(lost(1, "loss=5%"), lost(1, "loss=5% rate=1M queue=1ms"));
        assert_eq!(lost(1, "loss=0%"), 0);
        assert_eq!(lost(1, "loss=100%"), 20_000);
    }
}
