// SPDX-License-Identifier: MIT OR Apache-2.0
// `make bench-settings`: whether it would pay to let the packets of a frame out one by one, as senders with a pacer do. The path of
// `make bench-link`, with a queue that is short or long, and before it a pacer or none: the service itself has none. Runs in a
// network namespace of its own, which is the service's end.

import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { machine, versions } from './conditions.mjs';
import { openPath } from './path.mjs';
import { putIntoReadme } from '../tests/readme.mjs';
import { steady } from './recording.mjs';
import { Ours, PICTURE, openCamera } from './sides.mjs';

const TARGET = fileURLToPath(new URL('../target/bench/', import.meta.url));
/** As in `make bench-link`. */
const PATTERN = 'zone-plate kx2=5 ky2=5 kt=2';
const SEED = 1;
/** As many times the bit rate as libwebrtc lets out at the most, and half of that. */
const FACTORS = [2.5, 1.25];
const PACES = ['none', ...FACTORS.map((factor) => `${(factor * PICTURE.bitrate) / 1000}k`)];
const PATHS = [
  { name: '100 Mb/s', settings: 'rate=100M delay=10ms queue=200ms' },
  { name: '10 Mb/s, its queue 20 ms', settings: 'rate=10M delay=10ms queue=20ms' },
  { name: '4 Mb/s, its queue 20 ms', settings: 'rate=4M delay=10ms queue=20ms' },
  { name: '4 Mb/s, its queue 200 ms', settings: 'rate=4M delay=10ms queue=200ms' },
  { name: '10 Mb/s, its queue 20 ms, 2 % lost', settings: 'rate=10M delay=10ms queue=20ms loss=2%' },
];
const size = process.env.QUICK ? { settle: 3, seconds: 6 } : { settle: 5, seconds: 15 };

const path = await openPath(SEED);
const camera = await openCamera(PATTERN);
const browser = await path.chromium();
const run = { machine: machine(), versions: versions(browser), size, seed: SEED, rows: [] };
try {
  for (const [turn, { name, settings }] of PATHS.entries()) {
    // Which is first changes.
    const found = {};
    for (const pace of turn % 2 ? PACES.toReversed() : PACES) {
      const side = await Ours.start(camera, { host: path.host });
      try {
        found[pace] = await steady(side, browser, path, `${settings} pace=${pace}`, size);
      } finally {
        await side.stop();
      }
      console.log(`${name}, pace ${pace}`);
    }
    run.rows.push(...PACES.map((pace) => ({ name, pace, ...found[pace] })));
  }
} finally {
  await browser.close();
  await camera.stop();
  await path.stop();
}

const age = (one) => (one ? `${one.p50.toFixed(1)} (${one.p99.toFixed(0)})` : '–');
const text = `One run, ${run.machine.when}, ${run.machine.processor} with ${run.machine.cores} cores, load average ${run.machine.load} before it; shutterd
${run.versions.shutterd}; ${size.seconds} s each, a round trip of 20 ms, a picture that takes its whole ${PICTURE.bitrate / 1e6} Mb/s.

| path | let out at | frames per s | freezes | age, ms: median (p99) | dropped by the queue, % | keyframes | kb/s |
|---|---|---|---|---|---|---|---|
${run.rows.map((row) => `| ${[
    row.name, row.pace === 'none' ? 'once' : `${row.pace}b/s`, row.fps.toFixed(1), row.freezes, age(row.age),
    (100 * row.path.dropped / Math.max(1, row.path.arrived)).toFixed(1), row.keyframes, row.kbps.toFixed(0),
  ].join(' | ')} |`).join('\n')}
`;
await mkdir(TARGET, { recursive: true });
await writeFile(`${TARGET}pacing.json`, `${JSON.stringify(run, null, 1)}\n`);
await writeFile(`${TARGET}pacing.md`, text);
console.log(`\n${text}`);
if (process.env.README) await putIntoReadme('bench-pacing', text, 'docs/figures.md');
