// SPDX-License-Identifier: MIT OR Apache-2.0
// The lab's records as tables.

import { all, faults, tally } from './verdicts.mjs';

const row = (...cells) => `| ${cells.join(' | ')} |`;
const header = (...cells) => [row(...cells), row(...cells.map(() => '---'))];
const number = (value, digits = 1) => (value === null || value === undefined ? '' : String(Number(value.toFixed(value >= 100 ? 0 : digits))));

export function quantile(values, at) {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))] : null;
}

export const UNDOS = ['disable-tracks', 'destroy-source', 'await-capture-stopped', 'close-camera', 'destroy-stream', 'destroy-data-channel', 'destroy-peer'];
export const stepsOf = (place, role = 'offerer') => place.graph[role].map(({ step }) => step);

const cell = (found) => found?.words ?? '';
/** Whether a change breaks something wherever it was tried. */
const breaks = (places, ...change) => places.some((place) => tally(place, ...change)?.works === false);

/** Where the records were made, and how many there are. */
export function runs(places) {
  return [
    ...header('board', 'GStreamer', 'machine', 'runs', 'left out, as the lab itself failed in them'),
    ...places.map(({ place, records, broken }) => row(
      `\`${place.board}\`${place.device ? `, ${place.device}` : ''}`, place.gstreamer.replace('GStreamer ', ''),
      `${place.processor}, ${place.cores} cores${place.device ? ', emulated' : ''}`, records.length, broken.length)),
  ].join('\n');
}

/** What happens when one is left out. */
export function necessary(places) {
  const lines = header('left out', 'necessary', 'device offers or viewer does', ...places.map(({ name }) => name));
  const isNecessary = (...change) => (breaks(places, ...change) ? '**yes**' : 'no');
  for (const role of ['offerer', 'answerer']) {
    for (const step of stepsOf(places[0], role)) {
      const sometimes = breaks(places, 'one-sided', `${step} left out`, role) ? 'where the viewer cannot call first' : undefined;
      lines.push(row(`\`${step}\``, sometimes ?? isNecessary('step-left-out', step, role), role === 'offerer' ? 'device' : 'viewer',
        ...places.map((place) => cell(tally(place, 'step-left-out', step, role)))));
    }
  }
  for (const undo of UNDOS) lines.push(row(`\`${undo}\``, isNecessary('undo-left-out', undo), 'end', ...places.map((place) => cell(tally(place, 'undo-left-out', undo)))));
  return lines.join('\n');
}

/** Each pair of neighbours the other way round. */
export function neighbours(places) {
  const lines = header('the other way round', 'order matters', ...places.map(({ name }) => name));
  const matters = (experiment, name, next, to) => {
    if (breaks(places, experiment, `${name} ${to}`)) return '**yes**';
    return breaks(places, 'one-sided', `${next} before ${name}`) ? 'where the viewer cannot call first' : 'no';
  };
  const pairs = (names, experiment) => names.slice(0, -1).forEach((name, at) => {
    lines.push(row(`\`${names[at + 1]}\`, \`${name}\``, matters(experiment, name, names[at + 1], at + 2), ...places.map((place) => cell(tally(place, experiment, `${name} ${at + 2}`)))));
  });
  pairs(stepsOf(places[0]), 'step-moved');
  pairs(UNDOS, 'undo-moved');
  lines.push(row('the whole end backwards', breaks(places, 'end-backwards', '') ? '**yes**' : 'no', ...places.map((place) => cell(tally(place, 'end-backwards', '')))));
  return lines.join('\n');
}

/** With the device's addresses kept from the viewer; and with a description that does not wait for the stream. */
export function conditions(places) {
  const lines = header('condition', 'changed', 'device offers or viewer does', ...places.map(({ name }) => name));
  for (const variant of ['as written', 'add-candidates left out', 'add-candidates before the viewer\'s description', 'await-connected before add-candidates']) {
    for (const [role, who] of [['offerer', 'device'], ['answerer', 'viewer']]) {
      lines.push(row('only the device can call first', variant, who, ...places.map((place) => cell(tally(place, 'one-sided', variant, role)))));
    }
  }
  for (let to = 5; to <= 12; to += 1) {
    lines.push(row('the board promises its profile', `\`create-stream\` as number ${to}`, 'device', ...places.map((place) => cell(tally(place, 'step-moved-promised', `create-stream ${to}`)))));
  }
  return lines.join('\n');
}

/** Whether the table of dependencies lets the step be moved there. */
export function isAllowed(place, step, to, role = 'offerer') {
  const order = stepsOf(place, role).filter((name) => name !== step);
  order.splice(to - 1, 0, step);
  return place.graph[role].every(({ step: name, after }) => after.every((needed) => order.indexOf(needed) < order.indexOf(name)));
}

/** Where what was seen and `steps.rs` say different things of a step that was moved. */
export function disagreements(places) {
  const lines = [];
  for (const place of places) {
    for (const step of stepsOf(place)) {
      for (let to = 1; to <= 12; to += 1) {
        const found = tally(place, 'step-moved', `${step} ${to}`);
        if (!found || found.works === isAllowed(place, step, to)) continue;
        lines.push(row(place.name, `\`${step}\` as number ${to}`, found.works ? 'forbids it' : 'allows it', found.words));
      }
    }
  }
  return lines.length ? [...header('place', 'moved', '`steps.rs`', 'seen'), ...lines].join('\n') : 'None: every order that it allows works, and every order that it forbids does not.';
}

/** One event that is not waited for. */
export function hurried(places) {
  const wait = (...change) => (breaks(places, ...change) ? '**the event**' : 'nothing');
  const lines = header('not waited for', 'to be waited for', 'device offers or viewer does', ...places.map(({ name }) => name));
  for (const role of ['offerer', 'answerer']) {
    for (const step of stepsOf(places[0], role)) {
      lines.push(row(`\`${step}\``, wait('step-not-awaited', step, role), role === 'offerer' ? 'device' : 'viewer',
        ...places.map((place) => cell(tally(place, 'step-not-awaited', step, role)))));
    }
  }
  for (const undo of UNDOS) lines.push(row(`\`${undo}\``, wait('undo-not-awaited', undo), 'end', ...places.map((place) => cell(tally(place, 'undo-not-awaited', undo)))));
  return lines.join('\n');
}

const clocked = (place, experiment) => [...new Set(place.records.filter((record) => record.experiment === experiment).map(({ variant }) => Number(variant)))].sort((a, b) => a - b);

/** A fixed time in the place of every event: [interval, share that works, median of `value`]. */
export function curve(place, experiment, value, role) {
  return clocked(place, experiment).map((interval) => {
    const found = tally(place, experiment, String(interval), role);
    return [interval, found.good / found.count, quantile(found.records.map(value), 0.5), found];
  });
}

export function clocks(places) {
  const lines = header('a fixed time in the place of every event', 'place', 'start of the device\'s offer', 'start of the viewer\'s', 'end');
  for (const place of places) {
    const of = (experiment, interval, role) => {
      const found = tally(place, experiment, interval, role);
      return found ? `${found.good} of ${found.count}` : '';
    };
    for (const interval of [...new Set([...clocked(place, 'start-by-the-clock'), ...clocked(place, 'end-by-the-clock')])].sort((a, b) => a - b)) {
      lines.push(row(interval === 0 ? 'none' : `${interval} ms`, place.name, of('start-by-the-clock', String(interval)),
        of('start-by-the-clock', String(interval), 'answerer'), of('end-by-the-clock', String(interval))));
    }
    const good = (found) => (found ? `${found.good} of ${found.count}` : '');
    lines.push(row('the events', place.name, good(tally(place, 'as-written', '')), good(tally(place, 'as-written', '', 'answerer')), good(tally(place, 'end-by-events', ''))));
  }
  return lines.join('\n');
}

/** One process and one pipeline beside the written order. */
export function pipelines(places) {
  const lines = header('', 'place', 'stopped', 'runs', 'camera not closed in time', 'p50', 'p99', 'longest', 'next session refused', 'driver still has buffers');
  const line = (title, place, when, found) => {
    if (!found.count) return;
    const times = found.records.map(({ closed }) => closed);
    const open = times.filter((time) => time === null).length;
    const refused = found.records.filter(({ next }) => next && next.result !== 'done').length;
    const asked = found.records.filter(({ busy }) => typeof busy === 'boolean');
    const busy = asked.length ? `${asked.filter((record) => record.busy).length} of ${asked.length}` : '';
    const of = (n) => (n ? `${n} of ${found.count}` : '0');
    const closed = (at) => (open === found.count ? '' : `${number(quantile(times, at))} ms`);
    lines.push(row(title, place.name, when, found.count, of(open), closed(0.5), closed(0.99), closed(1), of(refused), busy));
  };
  for (const place of places) {
    line('**the written order**', place, 'while watched', all(place, 'as-written'));
    line('**the written order**', place, 'at any moment', all(place, 'stopped-anywhere'));
    line('one pipeline', place, 'while watched', all(place, 'one-pipeline', 'null'));
    line('one pipeline', place, 'at any moment', all(place, 'one-pipeline-stopped-anywhere'));
    line('one pipeline, EOS first', place, 'while watched', all(place, 'one-pipeline', 'end-of-stream'));
    line('one pipeline, ended in a callback', place, 'while watched', all(place, 'one-pipeline', 'in-callback'));
    line('one pipeline, a picture kept', place, 'while watched', all(place, 'one-pipeline', 'kept-picture'));
  }
  return lines.join('\n');
}

/** Where places of one board, with another GStreamer each, do not agree on a change. */
export function versions(places) {
  const lines = [];
  for (const [at, one] of places.entries()) {
    const other = places.slice(0, at).find(({ place }) => place.board === one.place.board);
    if (!other) continue;
    const both = [...one.tallies.keys()].filter((key) => other.tallies.has(key));
    const differ = both.filter((key) => one.tallies.get(key).works !== other.tallies.get(key).works);
    lines.push(`${both.length} changes were tried with both, ${other.name}, and ${one.name}. ${differ.length || 'None'} came out otherwise${differ.length ? ':' : '.'}`, '');
    if (differ.length) lines.push(...header('change', other.name, one.name), ...differ.map((key) => row(`\`${key.replace(/\/offerer$/, '').replace('/', ' ')}\``, cell(other.tallies.get(key)), cell(one.tallies.get(key)))));
  }
  return lines.length ? lines.join('\n') : 'No board was tried with two.';
}

/** What a worker that was left behind keeps. */
export function left(places) {
  const lines = header('left out', 'place', 'what stays', 'threads', 'descriptors', 'memory');
  for (const place of places) {
    for (const undo of UNDOS) {
      const kept = tally(place, 'undo-left-out', undo)?.records.flatMap((record) => record.left) ?? [];
      for (const worker of ['camera', 'peer']) {
        const of = kept.filter((one) => one.worker === worker);
        if (!of.length) continue;
        const median = (key) => quantile(of.map((one) => one[key]), 0.5);
        lines.push(row(`\`${undo}\``, place.name, `${worker} worker (${of.length})`, median('threads'), median('descriptors'), `${number(median('memory') / 1024)} MiB`));
      }
    }
  }
  return lines.join('\n');
}

/** How many runs stand behind the answer to one question. */
export const behind = (places, experiments) => places.flatMap(({ records }) => records).filter(({ experiment }) => experiments.includes(experiment)).length;

export { faults };
