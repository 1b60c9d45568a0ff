// SPDX-License-Identifier: MIT OR Apache-2.0
// A run as a table for people, and the place of table and plot in README.

import { readFile, writeFile } from 'node:fs/promises';

const README = new URL('../README.md', import.meta.url);
const PLOT = 'docs/bench.svg';
const OPEN = '<!-- bench: written by `make bench README=1` -->';
const CLOSE = '<!-- /bench -->';

/** Three digits that mean something. */
function number(value) {
  if (value === null) return '–';
  const digits = Math.max(0, Math.min(2, 2 - Math.floor(Math.log10(Math.abs(value) || 1))));
  return value.toFixed(digits);
}

const figure = ({ p50, p99 }) => (p99 === null ? number(p50) : `${number(p50)} (${number(p99)})`);

/** What was run on what, and the table. */
export function table({ machine, versions, picture, camera, samples, rows }) {
  const { width, height, framerate, bitrate, encoder } = picture;
  return `One run, ${machine.when}, ${machine.processor} with ${machine.cores} cores, load average ${machine.load} before
it; shutterd ${versions.shutterd} beside \`whepserversink\` ${versions.peer}, in turn; GStreamer ${versions.gstreamer}, Chromium ${versions.chromium};
${width}×${height} at ${framerate} frames per second and ${bitrate / 1e6} Mb/s, \`${encoder}\`. Median (p99), of ${samples.ours.answer.length} starts.
${camera ? `Not as it comes: \`${camera}\` in the service's \`[[camera]]\`.\n` : ''}
| | unit | shutterd | whepserversink | ratio | goal | met |
|---|---|---|---|---|---|---|
${rows.map(({ row, unit, ours, peer, ratio, goals }) => `| ${[
    row, unit, figure(ours), figure(peer), number(ratio.p50),
    goals.map(({ text }) => text).join(', '), goals.map(({ met }) => (met ? 'yes' : '**no**')).join(', '),
  ].join(' | ')} |`).join('\n')}
`;
}

/** Puts a table where README has its place, and the plot beside it. */
export async function bless(text, svg) {
  const readme = await readFile(README, 'utf8');
  const [before, rest] = readme.split(OPEN);
  const after = rest?.split(CLOSE)[1];
  if (after === undefined) throw new Error(`README.md has no ${OPEN} … ${CLOSE}`);
  await writeFile(new URL(`../${PLOT}`, import.meta.url), svg);
  const shown = `![How soon the picture is there, and what viewers cost](${PLOT})`;
  await writeFile(README, `${before}${OPEN}\n\n${text}\n${shown}\n\n${CLOSE}${after}`);
}
