// SPDX-License-Identifier: MIT OR Apache-2.0
// `make bench`: this service beside GStreamer's own WHEP server, in one run and in turn. Writes what
// was measured, a table and a plot into target/bench; with README=1 both into README too. A line in
// CAMERA, such as `camera-opens = "after-connected"`, is tried out in the service's `[[camera]]`.

import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { SIDES, machine, versions } from './conditions.mjs';
import { rows } from './figures.mjs';
import { idle, watched } from './load.mjs';
import { plot } from './plot.mjs';
import { memory } from './processes.mjs';
import { bless, report } from './report.mjs';
import { ENCODER, Ours, PICTURE, openCamera } from './sides.mjs';
import { ages, chromium, joins, starts } from './viewing.mjs';

const TARGET = fileURLToPath(new URL('../target/bench/', import.meta.url));
const FULL = { rounds: 4, warm: 25, noGap: 10, joins: 10, frames: 300, counts: [1, 2, 4, 8, 16], seconds: 10, idle: 60 };
const QUICK = { rounds: 2, warm: 5, noGap: 3, joins: 3, frames: 60, counts: [1, 2, 4], seconds: 3, idle: 5 };
const size = process.env.QUICK ? QUICK : FULL;

const samples = { ours: {}, peer: {} };
/** How often a side's process was ended by a signal that nobody here sent. */
const crashes = { ours: 0, peer: 0 };
const MOST_CRASHES = 5;
const before = machine();

/** Runs `act` with a side of its own, and gives what it measured; nothing if the side's process crashed. */
async function withSide(name, camera, act, options) {
  const side = await SIDES[name].start(camera, options);
  const measured = {};
  let broken;
  try {
    await act(side, (key, value) => (measured[key] ??= []).push(value));
  } catch (error) {
    error.message += `\n${side.name}:\n${side.program.log}`;
    broken = error;
  }
  await side.stop();
  const { signalCode } = side.program.child;
  if (signalCode) {
    crashes[name] += 1;
    console.log(`${side.name} was ended by ${signalCode}`);
  }
  if (!broken) return measured;
  if (!signalCode || crashes[name] > MOST_CRASHES) throw broken;
  return null;
}

/** Runs `act` with each side, one after the other; which is first changes with `turn`. What breaks off is done again. */
async function inTurn(turn, camera, what, act, options) {
  const order = turn % 2 ? ['peer', 'ours'] : ['ours', 'peer'];
  for (const name of order) {
    let measured = null;
    while (!measured) measured = await withSide(name, camera, act, options);
    for (const [key, values] of Object.entries(measured)) (samples[name][key] ??= []).push(...values);
    console.log(`${what}: ${name}`);
  }
}

const camera = await openCamera();
const browser = await chromium();
const used = versions(browser);
try {
  for (let round = 0; round < size.rounds; round += 1) {
    await inTurn(round, camera, `viewing, round ${round + 1} of ${size.rounds}`, async (side, note) => {
      // The first session of each is not counted: it loads what later ones find.
      await starts(browser, side, 1, { warm: true }, () => {});
      await starts(browser, side, size.warm, { warm: true }, note);
      await starts(browser, side, size.noGap, { warm: false }, note);
      await joins(browser, side, size.joins, note);
      await ages(browser, side, size.frames, note);
      await side.warm();
      note('memoryAfter', await memory(side.program.pid));
    });
  }
  for (const [turn, count] of size.counts.entries()) {
    await inTurn(turn, camera, `${count} watching`, (side, note) => watched(side, count, size.seconds, note));
  }
  await inTurn(0, camera, 'nobody watching', (side, note) => idle(side, size.idle, note));
  const cold = await Ours.start(camera, { prewarm: false });
  await idle(cold, 1, (key, value) => { if (key === 'idleMemory') samples.ours.idleMemoryCold = [value]; });
  await cold.stop();
} finally {
  await browser.close();
  await camera.stop();
}

const run = { machine: before, versions: used, picture: { ...PICTURE, encoder: ENCODER }, camera: process.env.CAMERA ?? '', crashes, rows: rows(samples), samples };
const text = report(run);
await mkdir(TARGET, { recursive: true });
await writeFile(`${TARGET}run.json`, `${JSON.stringify(run, null, 1)}\n`);
await writeFile(`${TARGET}table.md`, text);
await writeFile(`${TARGET}plot.svg`, plot(run));
console.log(`\n${text}\n${TARGET}: run.json, table.md, plot.svg`);
if (process.env.README) await bless(text, plot(run));
