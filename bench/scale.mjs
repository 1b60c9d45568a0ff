// SPDX-License-Identifier: MIT OR Apache-2.0
// `make bench-scale`: 1 to 32 viewers of one device, of this service and of GStreamer's own WHEP
// server, in turn: what each gets, what it costs, and what gives first. Then the service's cap: what it
// says to the viewers beyond it, and what those have who watch already. Writes a table into target/bench.

import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { setTimeout as pass } from 'node:timers/promises';
import { SIDES, machine, versions } from './conditions.mjs';
import { quantile } from './figures.mjs';
import { over } from './load.mjs';
import { putIntoReadme } from '../tests/readme.mjs';
import { Ours, PICTURE, openCamera, watchers } from './sides.mjs';
import { ages, chromium } from './viewing.mjs';

const TARGET = fileURLToPath(new URL('../target/bench/', import.meta.url));
const FULL = { counts: [1, 2, 4, 8, 16, 24, 32], seconds: 10, frames: 150, cap: 8, refused: 50 };
const QUICK = { counts: [1, 4, 8], seconds: 3, frames: 45, cap: 4, refused: 20 };
const size = process.env.QUICK ? QUICK : FULL;
const one = (value) => value.toFixed(1);

/** Frames per second that each of `viewers` has while `act` goes on. */
async function rates(viewers, act) {
  const [before, began] = [await viewers.frames(), performance.now()];
  const result = await act();
  const seconds = (performance.now() - began) / 1000;
  const fps = (await viewers.frames()).map((now, at) => (now - before[at]) / seconds);
  return { least: Math.min(...fps), median: quantile(fps, 0.5), result };
}

/** `count` viewers that decode nothing; their costs, and then the age of what one more decodes. */
async function crowd(browser, side, count) {
  await side.warm();
  const viewers = await watchers(side, count);
  try {
    await side.warm();
    const { least, median, result } = await rates(viewers, () => over(side.program.pid, size.seconds));
    const seen = [];
    await ages(browser, side, size.frames, (_, age) => seen.push(age));
    return { least, median, cpu: result.cpu * 100, memory: result.memory, age: { p50: quantile(seen, 0.5), p99: quantile(seen, 0.99) } };
  } finally {
    await viewers.stop();
  }
}

/** As many as may watch, and then more of them than may. */
async function beyond(camera) {
  const side = await Ours.start(camera, { viewers: size.cap });
  try {
    const viewers = await watchers(side, size.cap);
    const alone = await rates(viewers, () => pass(size.seconds * 1000));
    const refused = await rates(viewers, async () => {
      const answers = new Set();
      const began = performance.now();
      let asked = 0;
      for (; asked < size.refused || performance.now() - began < size.seconds * 1000; asked += 1) {
        const answer = await fetch(side.origin + side.endpoint, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: OFFER });
        answers.add(`${answer.status} ${(await answer.json()).code}`);
      }
      return { asked, answers: [...answers] };
    });
    await viewers.stop();
    return { alone, refused };
  } finally {
    await side.stop();
  }
}

const OFFER = `v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
m=video 9 UDP/TLS/RTP/SAVPF 108
c=IN IP4 0.0.0.0
a=mid:0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 ${Array(32).fill('00').join(':')}
a=setup:actpass
a=rtcp-mux
a=recvonly
a=rtpmap:108 H264/90000
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
`.replaceAll('\n', '\r\n');

const camera = await openCamera();
const browser = await chromium();
const run = { machine: machine(), versions: versions(browser), picture: PICTURE, size, rows: [] };
try {
  for (const [turn, count] of size.counts.entries()) {
    for (const name of turn % 2 ? ['peer', 'ours'] : ['ours', 'peer']) {
      const side = await SIDES[name].start(camera);
      const result = await crowd(browser, side, count).catch((error) => ({ failed: error.message.split('\n').slice(0, 2).join(' ') }));
      run.rows.push({ count, side: side.name, ...result });
      console.log(`${count} watching: ${side.name}`);
      await side.stop();
    }
  }
  run.cap = await beyond(camera);
} finally {
  await browser.close();
  await camera.stop();
}

const { alone, refused } = run.cap;
const text = `One run, ${run.machine.when}, ${run.machine.processor} with ${run.machine.cores} cores, load average ${run.machine.load} before it; shutterd
${run.versions.shutterd} beside \`whepserversink\` ${run.versions.peer}, in turn; ${PICTURE.width}×${PICTURE.height} at ${PICTURE.framerate} frames per second. The viewers
run on the same machine and decode nothing; one more, in Chromium, tells how old the picture is.

| viewers | side | frames per s, least | median | processor, % of a core | memory, MiB | capture → decoded, ms: median (p99) |
|---|---|---|---|---|---|---|
${run.rows.map(({ count, side, failed, least, median, cpu, memory, age }) => (failed
    ? `| ${count} | ${side} | ${failed} | – | – | – | – |`
    : `| ${count} | ${side} | ${one(least)} | ${one(median)} | ${one(cpu)} | ${one(memory)} | ${one(age.p50)} (${one(age.p99)}) |`)).join('\n')}

With \`max-viewers = ${size.cap}\` and as many watching, ${refused.result.asked} more were answered \`${refused.result.answers.join('`, `')}\`; those who watch had
${one(alone.least)} frames per second at the least before, and ${one(refused.least)} meanwhile.
`;
await mkdir(TARGET, { recursive: true });
await writeFile(`${TARGET}scale.json`, `${JSON.stringify(run, null, 1)}\n`);
await writeFile(`${TARGET}scale.md`, text);
console.log(`\n${text}\n${TARGET}: scale.json, scale.md`);
if (process.env.README) {
  await putIntoReadme('bench-scale', text, 'docs/figures.md');
}
