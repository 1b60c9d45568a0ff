// SPDX-License-Identifier: MIT OR Apache-2.0
// The lab's records as figures.

import { COLOURS, fixed, group, path, sheet, text } from './drawing.mjs';
import { UNDOS, curve, isAllowed, quantile, stepsOf } from './tables.mjs';
import { all, tally } from './verdicts.mjs';

const CELL = 24;

/** Rows are what was moved, columns the place to which: how often it worked. */
function heat(place, title, names, experiment, allowed) {
  const control = tally(place, experiment === 'step-moved' ? 'as-written' : 'end-by-events', '') ?? tally(place, 'as-written', '');
  const parts = [text(0, -28, title, { kind: 'title' })];
  names.forEach((name, row) => {
    parts.push(text(-8, row * CELL + 16, name, { kind: 'name', anchor: 'end' }), text(row * CELL + CELL / 2, -8, row + 1, { anchor: 'middle' }));
    names.forEach((_, column) => {
      const own = row === column;
      const found = own ? control : tally(place, experiment, `${name} ${column + 1}`);
      const [x, y] = [column * CELL, row * CELL];
      const share = found ? found.good / found.count : null;
      const kind = share === null ? 'none' : share > 0.5 ? 'good' : 'bad';
      const strength = share === null ? 0.4 : fixed(0.25 + 0.75 * Math.abs(share - 0.5) * 2);
      const what = found ? `${name} as number ${column + 1}: ${found.words}` : 'not tried';
      parts.push(`<rect class="${kind}" x="${x}" y="${y}" width="${CELL - 2}" height="${CELL - 2}" rx="2" opacity="${strength}"><title>${what}</title></rect>`);
      if (own) parts.push(`<rect class="written" x="${x}" y="${y}" width="${CELL - 2}" height="${CELL - 2}" rx="2"/>`);
      else if (allowed?.(name, column + 1)) parts.push(`<rect class="allowed" x="${x + 2}" y="${y + 2}" width="${CELL - 6}" height="${CELL - 6}" rx="2"/>`);
    });
  });
  return parts;
}

/** Each step, and each undo, moved to each place. */
export function moved(place) {
  const left = 160;
  const steps = heat(place, 'start: a step moved to another place', stepsOf(place), 'step-moved', (step, to) => isAllowed(place, step, to));
  const undos = heat(place, 'end: an undo moved to another place', UNDOS, 'undo-moved');
  return sheet(800, 400, 'Which moves of a step work', [
    group(left, 50, steps),
    group(left + 12 * CELL + 200, 50, undos),
    group(left, 50 + 12 * CELL + 24, [
      '<rect class="good" width="14" height="14" rx="2"/>', text(20, 11, 'works'),
      '<rect class="bad" x="70" width="14" height="14" rx="2"/>', text(90, 11, 'does not; paler: now and then'),
      '<rect class="written" x="270" width="14" height="14" rx="2"/>', text(290, 11, 'as written'),
      '<rect class="allowed" x="370" width="14" height="14" rx="2"/>', text(390, 11, 'steps.rs allows it'),
      '<rect class="none" x="500" width="14" height="14" rx="2"/>', text(520, 11, 'not tried'),
    ]),
  ]);
}

const PANEL = { width: 270, height: 170 };
/** A share of fewer runs is no curve; the tables have them. */
const ENOUGH = 10;

/** A panel with a logarithmic x axis of milliseconds and a y axis from 0 to 100 %. */
function panel(x, title, ticks, lines, unit) {
  const at = (value) => (Math.log10(Math.max(value, 0.5) / 0.5) / Math.log10(ticks.at(-1) / 0.5)) * PANEL.width;
  const up = (share) => PANEL.height * (1 - share);
  const parts = [text(0, -16, title, { kind: 'title' })];
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    parts.push(`<line class="grid" x2="${PANEL.width}" y1="${up(share)}" y2="${up(share)}"/>`, text(-6, up(share) + 4, `${100 * share} %`, { anchor: 'end' }));
  }
  for (const tick of ticks) parts.push(text(at(tick), PANEL.height + 16, tick === 0.5 ? '0' : tick, { anchor: 'middle' }));
  parts.push(text(PANEL.width / 2, PANEL.height + 34, unit, { anchor: 'middle' }));
  lines.forEach(({ name, points }, line) => {
    const drawn = points.map(([value, share]) => [at(value), up(share)]);
    parts.push(path(drawn, COLOURS[line]));
    parts.push(text(0, PANEL.height + 54 + 15 * line, name, { kind: `label ${COLOURS[line]}` }));
  });
  return group(x, 40, parts);
}

/** How many sessions work when every event's place is taken by a fixed time. */
export function clocks(places) {
  const ticks = [0.5, 1, 2, 5, 10, 20, 50, 100, 200];
  const lines = (experiment, role) => places.map((place) => ({
    name: place.name, points: curve(place, experiment, ({ firstFrame }) => firstFrame, role).filter(([, , , { count }]) => count >= ENOUGH).map(([interval, share]) => [interval, share]),
  })).filter(({ points }) => points.length);
  return sheet(1110, 310, 'Fixed times in the place of events', [
    panel(50, 'start, the device offers: sessions that work', ticks, lines('start-by-the-clock', 'offerer'), 'ms after each of twelve steps'),
    panel(430, 'start, the viewer offers', ticks, lines('start-by-the-clock', 'answerer'), 'ms after each of twelve steps'),
    panel(790, 'end, and the next session at once', ticks, lines('end-by-the-clock'), 'ms after each of seven steps'),
  ]);
}

/** How soon the camera is observed closed. */
export function releases(every) {
  const places = every.filter((place) => all(place, 'stopped-anywhere').count >= ENOUGH);
  const distribution = (found) => {
    const times = found.records.map(({ closed }) => closed).filter((time) => time !== null).sort((a, b) => a - b);
    return times.map((time, at) => [time, (at + 1) / found.count]);
  };
  const ticks = [0.5, 1, 10, 100, 1000, 10_000];
  return sheet(40 + 350 * places.length, 340, 'From the stop to the camera observed closed', places.map((place, at) => panel(
    50 + 350 * at, `${place.name}: closed within`, ticks, [
      { name: 'the written order, at any moment', points: distribution(all(place, 'stopped-anywhere')) },
      { name: 'one pipeline, at any moment', points: distribution(all(place, 'one-pipeline-stopped-anywhere')) },
      { name: 'one pipeline, while watched', points: distribution(all(place, 'one-pipeline', 'null')) },
      { name: 'one pipeline, a picture kept', points: distribution(all(place, 'one-pipeline', 'kept-picture')) },
    ].filter(({ points }) => points.length), 'ms')));
}

/** Beside the trunk, so that no line has to pass behind a step. */
const ROWS = { 'open-camera': 1, 'create-source': 1, 'add-tracks': 2, 'create-data-channel': 3, 'add-candidates': 1 };

/** The dependencies of `steps.rs`: each step as far to the right as it has to be. */
export function graph(place, role = 'offerer') {
  const [wide, high, across, down] = [150, 34, 190, 62];
  const nodes = place.graph[role];
  const depth = new Map();
  for (const { step, after } of nodes) depth.set(step, Math.max(-1, ...after.map((needed) => depth.get(needed) ?? -1)) + 1);
  const spots = new Map(nodes.map(({ step }) => [step, [20 + depth.get(step) * across, 50 + (ROWS[step] ?? 0) * down]]));
  const edges = nodes.flatMap(({ step, after }) => after
    // What another dependency brings with it is not drawn.
    .filter((needed) => !after.some((other) => other !== needed && reaches(nodes, other, needed)))
    .map((needed) => {
      const [[x1, y1], [x2, y2]] = [spots.get(needed), spots.get(step)];
      const [from, to] = [[x1 + wide, y1 + high / 2], [x2, y2 + high / 2]];
      const middle = (from[0] + to[0]) / 2;
      return `<path class="edge" d="M${from.join(' ')}C${middle} ${from[1]} ${middle} ${to[1]} ${to.join(' ')}"/>`;
    }));
  const boxes = nodes.map(({ step, number, place: where }) => {
    const [x, y] = spots.get(step);
    const kind = where === 'camera' ? 'camera' : where === 'signalling' ? 'signalling' : 'peer';
    return `<rect class="box ${kind}" x="${x}" y="${y}" width="${wide}" height="${high}" rx="5"/>${text(x + wide / 2, y + 21, `${number} ${step}`, { kind: 'name', anchor: 'middle' })}`;
  });
  const width = 20 + Math.max(...depth.values()) * across + wide + 20;
  return sheet(width, 50 + (1 + Math.max(...Object.values(ROWS))) * down, 'What each step depends on', [
    text(20, 24, role === 'offerer' ? 'What each step depends on, where the device offers' : 'Where the viewer offers', { kind: 'title' }), ...edges, ...boxes,
  ]);
}

function reaches(nodes, from, to) {
  const after = nodes.find(({ step }) => step === from)?.after ?? [];
  return after.includes(to) || after.some((needed) => reaches(nodes, needed, to));
}

const whole = (place) => (tally(place, 'as-written', '')?.records ?? []).filter((record) => record.firstFrame !== null);
export const hasTimes = (place) => whole(place).length > 0;

/** How long each step of the written order takes, one after the other: medians. */
export function timeline(place) {
  const wide = 360;
  const half = (x, title, records, part) => {
    const names = records[0][part].map(({ name }) => name);
    const took = names.map((_, at) => quantile(records.map((record) => record[part][at].took), 0.5));
    const last = part === 'start' ? quantile(records.map((record) => record.firstFrame - record.start.reduce((sum, { took: one }) => sum + one, 0)), 0.5) : 0;
    const sum = took.reduce((all, one) => all + one, last);
    const parts = [text(0, -14, `${title}: ${Math.round(sum)} ms`, { kind: 'title' })];
    let at = 0;
    [...names, ...(last ? ['first picture at the viewer'] : [])].forEach((name, row) => {
      const one = took[row] ?? last;
      const y = row * 20;
      parts.push(text(-8, y + 12, name, { kind: 'name', anchor: 'end' }));
      parts.push(`<rect class="first" x="${fixed((at / sum) * wide)}" y="${y}" width="${fixed(Math.max((one / sum) * wide, 1))}" height="14" rx="2"/>`);
      parts.push(text(wide + 8, y + 12, `${fixed(one)} ms`));
      at += one;
    });
    return group(x, 44, parts);
  };
  return sheet(1240, 330, 'How long each step takes', [
    half(200, 'start, the device offers', whole(place), 'start'),
    half(820, 'end', whole(place), 'end'),
  ]);
}
