// SPDX-License-Identifier: MIT OR Apache-2.0
// `make bench-device`: the rows of `make bench` that make sense on the emulated device. Its clock is real and its processor is not, so
// what counts is the ratios. Runs under tests/qemu/plugged.sh. Writes into target/bench; with README=1 into docs/figures.md too.

import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Guest } from '../tests/qemu/guest.mjs';
import { ready } from '../tests/qemu/service.mjs';
import { putIntoReadme } from '../tests/readme.mjs';
import { machine, versions } from './conditions.mjs';
import { ENCODER, OursThere, PICTURE, PeerThere } from './device-sides.mjs';
import { rows } from './figures.mjs';
import { idle, watched } from './load.mjs';
import { table } from './report.mjs';
import { chromium, joins, starts } from './viewing.mjs';

const TARGET = fileURLToPath(new URL('../target/bench/', import.meta.url));
const size = process.env.QUICK ? { rounds: 1, warm: 3, joins: 2, seconds: 5 } : { rounds: 2, warm: 10, joins: 5, seconds: 15 };
const SIDES = { ours: OursThere, peer: PeerThere };

const samples = { ours: {}, peer: {} };
const before = machine();
const guest = new Guest({ name: 'bench-device' });
// The page that is put in the place of the device's own counts as a stranger's, who may not ask the local network.
const browser = await chromium({ args: ['--disable-features=LocalNetworkAccessChecks'] });
const used = versions(browser);

async function inTurn(turn, what, act) {
  for (const name of turn % 2 ? ['peer', 'ours'] : ['ours', 'peer']) {
    const side = await SIDES[name].start(guest);
    try {
      await act(side, (key, value) => (samples[name][key] ??= []).push(value));
    } finally {
      await side.stop();
    }
    console.log(`${what}: ${side.name}`);
  }
}

try {
  await guest.boot();
  await ready(guest);
  await guest.run('/usr/lib/testbed/service stop', { milliseconds: 60_000 });
  await PeerThere.bring(guest);
  for (let round = 0; round < size.rounds; round += 1) {
    await inTurn(round, `viewing, round ${round + 1} of ${size.rounds}`, async (side, note) => {
      // The first session of each is not counted: it loads what later ones find.
      await starts(browser, side, 1, { warm: true }, () => {});
      await starts(browser, side, size.warm, { warm: true }, note);
      await joins(browser, side, size.joins, note);
      note('memoryAfter', (await side.over(1)).memory);
    });
  }
  for (const [turn, count] of [1, 2, 3].entries()) {
    await inTurn(turn, `${count} watching`, (side, note) => watched(side, count, size.seconds, note));
  }
  await inTurn(0, 'nobody watching', (side, note) => idle(side, size.seconds, note));
} finally {
  await browser.close();
  await guest.stop();
}

const { width, height, framerate, bitrate } = PICTURE;
const measured = rows(samples, { partial: true });
const text = `One run, ${before.when}, on the emulated device (QEMU, two Cortex-A53, GStreamer 1.28, vivid) of a machine with ${before.cores} cores,
load average ${before.load} before it; shutterd ${used.shutterd} beside \`whepserversink\` ${used.peer}, in turn; ${width}×${height} at ${framerate} frames per
second and ${bitrate / 1000} kb/s, \`${ENCODER}\`. Median (p99), of ${samples.ours.answer.length} starts. Ratios are what counts.

${table(measured)}`;
await mkdir(TARGET, { recursive: true });
await writeFile(`${TARGET}device.json`, `${JSON.stringify({ machine: before, versions: used, rows: measured, samples }, null, 1)}\n`);
await writeFile(`${TARGET}device.md`, text);
console.log(`\n${text}\n${TARGET}: device.json, device.md`);
if (process.env.README) await putIntoReadme('bench-device', text, 'docs/figures.md');
