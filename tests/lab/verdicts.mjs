// SPDX-License-Identifier: MIT OR Apache-2.0
// Records of the lab: read, sorted by place, experiment and change, and judged.

import { readFile } from 'node:fs/promises';

/** What the result of a step means, in words. */
const WORDS = {
  late: 'never done',
  missing: 'has nothing to go on with',
  'message-invalid': 'refused',
  'session-unknown': 'refused',
  'negotiation-failed': 'refused',
};
/** Retransmissions and what was on the socket already. */
const FEW_PACKETS = 5;

const bad = (did) => did.find(({ result }) => result !== 'done' && result !== 'unknown');
export const inWords = (result) => WORDS[result] ?? result;

/** What went wrong in a run, first things first; nothing, if all went well. */
export function faults(record) {
  const found = [];
  const naive = record.experiment.startsWith('one-pipeline');
  const stopped = record.stoppedAt !== null;
  const step = bad(record.start);
  if (step && !stopped) found.push(`\`${step.name}\` ${inWords(step.result)}`);
  else if (record.firstFrame === null && !stopped) found.push('no picture');
  else if (!record.channel && !stopped && !naive) found.push('no data channel');
  if (record.closed === null) found.push('the camera stays open');
  if (record.next && record.next.result !== 'done') found.push(`the next session: ${inWords(record.next.result)}`);
  if (naive) return found;
  for (const { worker } of record.left) found.push(`the ${worker} worker stays`);
  if (record.firstFrame !== null && !record.told) found.push('the viewer is not told');
  if (record.packetsAfter > FEW_PACKETS) found.push('pictures leave after the stop');
  return found;
}

/** One change at one place: its records, and how often what went wrong. */
export class Tally {
  records = [];

  add(record) { this.records.push(record); }

  get count() { return this.records.length; }

  get good() { return this.records.filter((record) => faults(record).length === 0).length; }

  /** Whether it works, all in all. */
  get works() { return this.good > this.count / 2; }

  /** The most frequent faults, as `fault (n of m)`. */
  get words() {
    const counts = new Map();
    for (const record of this.records) {
      const text = faults(record).join('; ') || 'works';
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 2);
    return most.map(([text, n]) => (n === this.count ? `${text} (${n})` : `${text} (${n} of ${this.count})`)).join(', ');
  }
}

/** The records of a file, and where they were made. Runs that say nothing of an order are counted, and left out. */
export async function read(file) {
  const lines = (await readFile(file, 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
  const header = lines.find((line) => line.place);
  const records = lines.filter((line) => !line.place);
  return { ...header, records: records.filter(({ broken }) => !broken), broken: records.filter(({ broken }) => broken) };
}

/** Places that are alike become one. */
export function places(files) {
  const found = new Map();
  for (const { place, graph, records, broken } of files) {
    const name = `${place.board}, ${place.gstreamer.replace('GStreamer ', '')}`;
    const one = found.get(name) ?? { name, place, graph, records: [], broken: [], tallies: new Map() };
    one.records.push(...records);
    one.broken.push(...broken);
    found.set(name, one);
  }
  for (const one of found.values()) {
    for (const record of one.records) {
      const key = [record.experiment, record.variant, record.role].join('/');
      if (!one.tallies.has(key)) one.tallies.set(key, new Tally());
      one.tallies.get(key).add(record);
    }
  }
  return [...found.values()];
}

/** A change at a place. */
export const tally = (place, experiment, variant, role = 'offerer') => place.tallies.get([experiment, variant, role].join('/'));

/** Every run of an experiment at a place. */
export function all(place, experiment, variant) {
  const sum = new Tally();
  for (const record of place.records) {
    if (record.experiment === experiment && (variant === undefined || record.variant === variant)) sum.add(record);
  }
  return sum;
}
