// SPDX-License-Identifier: MIT OR Apache-2.0
// From what a viewer recorded to the figures of a row.

import { quantile } from './figures.mjs';

/** The picture flows when each half second has two thirds of the camera's frames and none is older than this. */
const FRESH_MS = 500;
const WINDOW_MS = 500;
/** For how long it must have flowed to count. */
const STEADY_MS = 2000;

/** What Chromium counts, and what the table has of it. */
const COUNTED = {
  frames: 'framesDecoded',
  keyframes: 'keyFramesDecoded',
  freezes: 'freezeCount',
  bytes: 'bytesReceived',
  packets: 'packetsReceived',
  lost: 'packetsLost',
  nacks: 'nackCount',
  retransmitted: 'retransmittedPacketsReceived',
  plis: 'pliCount',
};

/** The last counts at or before `at`. */
const countsAt = (counts, at) => counts.findLast((one) => one.at <= at) ?? counts[0];

/** The figures between two moments. */
export function summary({ frames, counts }, from, to) {
  const [first, last] = [countsAt(counts, from.at), countsAt(counts, to.at)];
  const seconds = (last.at - first.at) / 1000;
  const counted = Object.fromEntries(Object.entries(COUNTED).map(([name, key]) => [name, (last[key] ?? 0) - (first[key] ?? 0)]));
  const within = frames.filter(({ at }) => at > first.at && at <= last.at);
  const ages = within.map(({ age }) => age).filter((age) => age !== null);
  const moments = [first.at, ...within.map(({ at }) => at), last.at];
  return {
    seconds,
    ...counted,
    fps: counted.frames / seconds,
    frozen: (last.totalFreezesDuration ?? 0) - (first.totalFreezesDuration ?? 0),
    longestGap: Math.max(...moments.slice(1).map((at, index) => at - moments[index])),
    kbps: (counted.bytes * 8) / seconds / 1000,
    age: ages.length ? { p50: quantile(ages, 0.5), p99: quantile(ages, 0.99) } : null,
    // Decoded without all that it refers to, or so coarse that its time code does not hold.
    unreadable: within.length - ages.length,
    heights: [...new Set(within.map(({ height }) => height))],
    path: Object.fromEntries(['arrived', 'lost', 'dropped'].map((key) => [key, to.down[key] - from.down[key]])),
  };
}

/** Seconds from a change of the path until the picture flows; `null` when it did not before the next. */
export function flowing({ frames }, from, to, framerate) {
  const least = (framerate * WINDOW_MS / 1000) * (2 / 3);
  const flows = (start) => {
    const within = frames.filter(({ at }) => at > start && at <= start + WINDOW_MS);
    return within.length >= least && within.every(({ age }) => age !== null && age <= FRESH_MS);
  };
  for (let start = from.at; start + STEADY_MS <= to.at; start += WINDOW_MS / 5) {
    const windows = Array.from({ length: STEADY_MS / WINDOW_MS }, (_, at) => start + at * WINDOW_MS);
    if (windows.every(flows)) return (start - from.at) / 1000;
  }
  return null;
}

/** A record in steps of half a second, `zero` being the moment from which its seconds count. */
export function taken({ frames, counts }, zero) {
  const points = [];
  for (let at = counts[0].at; at + WINDOW_MS <= counts.at(-1).at; at += WINDOW_MS) {
    const within = frames.filter((frame) => frame.at > at && frame.at <= at + WINDOW_MS && frame.age !== null);
    const [first, last] = [countsAt(counts, at), countsAt(counts, at + WINDOW_MS)];
    const seconds = (last.at - first.at) / 1000 || 1;
    points.push({
      at: (at + WINDOW_MS / 2 - zero) / 1000,
      kbps: ((last.bytesReceived - first.bytesReceived) * 8) / seconds / 1000,
      fps: (last.framesDecoded - first.framesDecoded) / seconds,
      age: within.length ? quantile(within.map(({ age }) => age), 0.5) : null,
    });
  }
  return points;
}
