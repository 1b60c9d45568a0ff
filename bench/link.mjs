// SPDX-License-Identifier: MIT OR Apache-2.0
// `make bench-link`: what a viewer sees over a path that loses, delays and narrows, of this service
// and of GStreamer's own WHEP server, in one run and in turn. Writes what was measured, a table and a
// plot into target/bench. Runs in a network namespace of its own, which is the service's end.

import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { SIDES, machine, versions } from './conditions.mjs';
import { flowing, summary, taken } from './link-figures.mjs';
import { plot } from './link-plot.mjs';
import { table } from './link-report.mjs';
import { openPath } from './path.mjs';
import { recorded, steady } from './recording.mjs';
import { putIntoReadme } from '../tests/readme.mjs';
import { ENCODER, PICTURE, openCamera } from './sides.mjs';
import { setTimeout as pass } from 'node:timers/promises';

const TARGET = fileURLToPath(new URL('../target/bench/', import.meta.url));
/** A picture that is hard enough to take the whole of its bit rate, and not so hard that it could not do with a tenth. */
const PATTERN = 'zone-plate kx2=5 ky2=5 kt=2';
/** The peer's congestion control, as it comes. */
const CONGESTION = 'gcc';
const SEED = 1;

const row = (name, settings) => ({ name, settings });
const LOSSES = [1, 5, 10].map((loss) => row(`${loss} % lost`, `rate=10M delay=20ms loss=${loss}%`));
const RATES = ['4M', '1M', '300k'].map((rate) => row(`${rate}b/s`, `rate=${rate} delay=20ms`));
const DELAYS = [20, 100, 200].map((ms) => row(`round trip ${ms} ms, 1 % lost`, `rate=4M delay=${ms / 2}ms loss=1%`));
const DROP = { wide: 'rate=4M delay=20ms', narrow: 'rate=500k delay=20ms' };

// All in seconds; what comes before `settle` has passed is not counted.
const FULL = { paths: [...LOSSES, ...RATES, ...DELAYS], settle: 5, seconds: 15, before: 10, narrow: 20, after: 20 };
const QUICK = { paths: [LOSSES[1], RATES[2], DELAYS[2]], settle: 3, seconds: 6, before: 6, narrow: 10, after: 10 };
const size = process.env.QUICK ? QUICK : FULL;

/** Wide, narrow, and wide again. */
async function drop(side, browser, path) {
  const record = await recorded(side, browser, path, async () => {
    const moments = [];
    for (const [settings, seconds] of [[DROP.wide, size.before], [DROP.narrow, size.narrow], [DROP.wide, size.after]]) {
      moments.push(await path.change(settings));
      await pass(seconds * 1000);
    }
    return [...moments, await path.change('')];
  });
  const [wide, narrow, again, over] = record.moments;
  const settled = { ...wide, at: wide.at + size.settle * 1000 };
  return {
    moments: record.moments.map(({ at }) => (at - narrow.at) / 1000),
    series: taken(record, narrow.at),
    phases: [summary(record, settled, narrow), summary(record, narrow, again), summary(record, again, over)],
    flowingAfterDrop: flowing(record, narrow, again, PICTURE.framerate),
    flowingAfterRise: flowing(record, again, over, PICTURE.framerate),
  };
}

const path = await openPath(SEED);
const camera = await openCamera(PATTERN);
const browser = await path.chromium();
const run = {
  machine: machine(), versions: versions(browser), picture: { ...PICTURE, encoder: ENCODER, pattern: PATTERN }, size, seed: SEED,
  congestion: CONGESTION, paths: [], drop: { ...DROP },
};

/** Runs `act` with each side; which is first changes with `turn`. */
async function inTurn(turn, what, act) {
  const results = {};
  for (const name of turn % 2 ? ['peer', 'ours'] : ['ours', 'peer']) {
    const side = await SIDES[name].start(camera, { host: path.host, congestion: CONGESTION });
    try {
      results[name] = await act(side);
    } catch (error) {
      // One that breaks on a path says so in its row; the rest is measured all the same.
      results[name] = { failed: error.message.split('\n')[0] };
      console.error(`${what}: ${side.name}: ${error.message}\n${side.program.log}`);
    } finally {
      await side.stop();
    }
    console.log(`${what}: ${side.name}`);
  }
  return results;
}

try {
  for (const [turn, { name, settings }] of size.paths.entries()) {
    run.paths.push({ name, settings, ...await inTurn(turn, name, (side) => steady(side, browser, path, settings, size)) });
  }
  Object.assign(run.drop, await inTurn(size.paths.length, 'a drop and back', (side) => drop(side, browser, path)));
} finally {
  await browser.close();
  await camera.stop();
  await path.stop();
}

const text = table(run);
await mkdir(TARGET, { recursive: true });
await writeFile(`${TARGET}link.json`, `${JSON.stringify(run, null, 1)}\n`);
await writeFile(`${TARGET}link.md`, text);
await writeFile(`${TARGET}link.svg`, plot(run));
console.log(`\n${text}\n${TARGET}: link.json, link.md, link.svg`);
if (process.env.README) {
  await putIntoReadme('bench-link', text, 'docs/figures.md');
  await writeFile(new URL('../docs/bench-link.svg', import.meta.url), plot(run));
}
