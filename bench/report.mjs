// SPDX-License-Identifier: MIT OR Apache-2.0
// A run as a table for people, and the place of table and plot in README.

import { writeFile } from 'node:fs/promises';
import { putIntoReadme } from '../tests/readme.mjs';

const PLOT = 'docs/bench.svg';

/** Three digits that mean something. */
function number(value) {
  if (value === null) return '–';
  const digits = Math.max(0, Math.min(2, 2 - Math.floor(Math.log10(Math.abs(value) || 1))));
  return value.toFixed(digits);
}

const figure = ({ p50, p99 }) => (p99 === null ? number(p50) : `${number(p50)} (${number(p99)})`);

/** The rows as a table. */
export function table(rows) {
  return `| | unit | shutterd | whepserversink | ratio | goal | met |
|---|---|---|---|---|---|---|
${rows.map(({ row, unit, ours, peer, ratio, goals }) => `| ${[
    row, unit, figure(ours), figure(peer), number(ratio.p50),
    goals.map(({ text }) => text).join(', '), goals.map(({ met }) => (met ? 'yes' : '**no**')).join(', '),
  ].join(' | ')} |`).join('\n')}
`;
}

/** What was run on what, and the table. */
export function report({ machine, versions, picture, camera, crashes, samples, rows }) {
  const { width, height, framerate, bitrate, encoder } = picture;
  return `One run, ${machine.when}, ${machine.processor} with ${machine.cores} cores, load average ${machine.load} before
it; shutterd ${versions.shutterd} beside \`whepserversink\` ${versions.peer}, in turn; GStreamer ${versions.gstreamer}, Chromium ${versions.chromium};
${width}×${height} at ${framerate} frames per second and ${bitrate / 1e6} Mb/s, \`${encoder}\`. Median (p99), of ${samples.ours.answer.length} starts.
Processes that crashed, and were started again: ${crashes.ours} of shutterd, ${crashes.peer} of \`whepserversink\`.
${camera ? `Not as it comes: \`${camera}\` in the service's \`[[camera]]\`.\n` : ''}
${table(rows)}`;
}

/** Puts a run where README has its place, and the plot beside it. */
export async function bless(text, svg) {
  await writeFile(new URL(`../${PLOT}`, import.meta.url), svg);
  await putIntoReadme('bench', `${text}\n![How soon the picture is there, and what viewers cost](${PLOT})`);
}
