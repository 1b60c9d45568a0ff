// SPDX-License-Identifier: MIT OR Apache-2.0
// A run as a plot: how soon the picture is there, and what viewers cost.

import { quantile } from './figures.mjs';

export const PANEL = { width: 240, height: 190, gap: 64, left: 52, top: 44 };
export const SIDES = [['ours', 'shutterd'], ['peer', 'whepserversink']];

const STYLE = `
  text { font: 11px system-ui, sans-serif; fill: #57606a }
  .title { font-size: 13px; font-weight: 600; fill: #1f2328 }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .ours { stroke: #0969da; fill: #0969da }
  .peer { stroke: #bc4c00; fill: #bc4c00 }
  path { fill: none !important; stroke-width: 2; stroke-linejoin: round }
  .name { font-weight: 600; stroke: none !important }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .title { fill: #f0f6fc } .grid { stroke: #3d444d }
    .ours { stroke: #4493f8; fill: #4493f8 } .peer { stroke: #db6d28; fill: #db6d28 }
  }`;

const fixed = (value) => Number(value.toFixed(1));

/** Up to six round numbers from 0 to `most` or a little more. */
export function even(most) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((one) => most / one <= 5) ?? most;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, at) => at * step);
}

/** The powers of ten, and twice and five times those, from about `least` to about `most`. */
function decades(least, most) {
  const all = [1, 10, 100, 1000, 10_000].flatMap((ten) => [ten, 2 * ten, 5 * ten]);
  return all.slice(Math.max(0, all.findLastIndex((one) => one <= least)), all.findIndex((one) => one >= most) + 1);
}

/** One panel; `lines` are points by side, `behind` lines without one; `x` and `y` have a scale from 0 to 1 and marks. */
export function panel(at, title, x, y, lines, dots, behind = []) {
  const { width, height, gap, left, top } = PANEL;
  const [px, py] = [(value) => fixed(x.at(value) * width), (value) => fixed(height - y.at(value) * height)];
  const marks = [
    ...y.marks.map((mark) => `<line class="grid" x2="${width}" y1="${py(mark)}" y2="${py(mark)}"/><text x="-8" y="${py(mark) + 4}" text-anchor="end">${y.text(mark)}</text>`),
    ...x.marks.map((mark) => `<text x="${px(mark)}" y="${height + 18}" text-anchor="middle">${mark}</text>`),
  ];
  const line = (name, points) => (points.length ? `<path class="${name}" d="M${points.map((point) => point.join(' ')).join('L')}"/>` : '');
  const placed = (points) => points.map(([a, b]) => [px(a), py(b)]);
  const drawn = SIDES.map(([side]) => {
    const points = placed(lines[side]);
    return line(side, points) + (dots ? points.map(([a, b]) => `<circle class="${side}" cx="${a}" cy="${b}" r="3"/>`).join('') : '');
  });
  return `<g transform="translate(${left + at * (width + gap)} ${top})">
<text class="title" y="-20">${title}</text>
${marks.join('\n')}
<text x="${width / 2}" y="${height + 36}" text-anchor="middle">${x.unit}</text>
${behind.map((points) => line('grid', placed(points))).join('')}${drawn.join('\n')}
</g>`;
}

/** A share of all starts against the time that they took at most. */
function soon(samples) {
  const lines = Object.fromEntries(SIDES.map(([side]) => {
    const sorted = samples[side].frame.toSorted((a, b) => a - b);
    return [side, sorted.flatMap((value, at) => [[value, at / sorted.length], [value, (at + 1) / sorted.length]])];
  }));
  const all = Object.values(lines).flat().map(([value]) => value);
  const marks = decades(Math.min(...all), Math.max(...all));
  const [least, most] = [marks[0], marks.at(-1)].map(Math.log);
  const x = { marks, unit: 'ms, logarithmic', at: (value) => (Math.log(value) - least) / (most - least) };
  const y = { marks: [0, 0.25, 0.5, 0.75, 1], text: (mark) => `${mark * 100} %`, at: (value) => value };
  return panel(0, 'POST → first decoded frame', x, y, lines, false);
}

/** What `key` comes to for each number of viewers. */
function cost(at, title, key, none, samples) {
  const lines = Object.fromEntries(SIDES.map(([side]) => {
    const counted = Object.keys(samples[side]).map((name) => name.match(`^${key}(\\d+)$`)).filter(Boolean);
    const points = counted.map(([name, count]) => [Number(count), quantile(samples[side][name], 0.5)]);
    return [side, [[0, quantile(samples[side][none], 0.5)], ...points]];
  }));
  const points = Object.values(lines).flat();
  const marks = even(Math.max(...points.map(([, value]) => value)));
  const counts = [...new Set(points.map(([count]) => count))];
  const x = { marks: counts.filter((count) => count !== 1), unit: 'viewers', at: (value) => value / Math.max(...counts) };
  const y = { marks, text: String, at: (value) => value / marks.at(-1) };
  return panel(at, title, x, y, lines, true);
}

/** Three panels with the names of the sides below. */
export function frame(label, panels) {
  const { width, height, gap, left, top } = PANEL;
  const [wide, high] = [left + 3 * width + 2 * gap + 16, top + height + 74];
  const names = SIDES.map(([side, name], at) => `<text class="${side} name" x="${left + at * 90}" y="${high - 12}">${name}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${wide} ${high}" role="img" aria-label="${label}">
<style>${STYLE}</style>
${panels.join('\n')}
${names.join('\n')}
</svg>
`;
}

export function plot({ samples }) {
  return frame('shutterd beside whepserversink', [
    soon(samples),
    cost(1, 'Processor, % of a core', 'cpu', 'idleCpu', samples),
    cost(2, 'Memory, MiB', 'memory', 'idleMemory', samples),
  ]);
}
