// SPDX-License-Identifier: MIT OR Apache-2.0
// The drop and the return as a plot: what comes, how old it is, and how many frames.

import { SIDES, even, frame, panel } from './plot.mjs';

/** What each of the path's phases lets through at most, as corners in kb/s. */
function capacity([wide, narrow, again, over]) {
  return [[wide, 4000], [narrow, 4000], [narrow, 500], [again, 500], [again, 4000], [over, 4000]];
}

function series(at, title, key, most, { drop }, extra = []) {
  const lines = Object.fromEntries(SIDES.map(([side]) => {
    const points = (drop[side].series ?? []).filter((point) => point[key] !== null);
    return [side, points.map((point) => [point.at, Math.min(point[key], most)])];
  }));
  const moments = (drop.ours.moments ?? drop.peer.moments);
  const [first, last] = [moments[0], moments.at(-1)];
  const marks = even(most);
  const x = { marks: [0, moments[2]].map(Math.round), unit: 's after the drop', at: (value) => Math.max(0, (value - first) / (last - first)) };
  const y = { marks, text: String, at: (value) => value / marks.at(-1) };
  return panel(at, title, x, y, lines, false, extra.length ? [extra] : []);
}

export function plot(run) {
  const moments = run.drop.ours.moments ?? run.drop.peer.moments;
  if (!moments) return frame('nothing was measured', []);
  const ages = SIDES.flatMap(([side]) => run.drop[side].series ?? []).map(({ age }) => age ?? 0);
  return frame('shutterd beside whepserversink over a path that narrows', [
    series(0, 'Received, kb/s', 'kbps', 4000, run, capacity(moments)),
    series(1, 'Capture → decoded, ms', 'age', Math.min(2000, Math.max(...ages)), run),
    series(2, 'Frames per second', 'fps', 35, run),
  ]);
}
