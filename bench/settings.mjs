// SPDX-License-Identifier: MIT OR Apache-2.0
// `make bench-settings`: what each setting that is for a quick start or a fresh picture gains. The service as it ships beside the
// same with one thing as GStreamer, or whoever does not care, has it: in one run and in turn, on one machine, with the camera, the
// encoder and the page of `make bench`. Writes what was measured and a table into target/bench.

import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { machine, versions } from './conditions.mjs';
import { quantile } from './figures.mjs';
import { putIntoReadme } from '../tests/readme.mjs';
import { ENCODER, Ours, PICTURE, openCamera } from './sides.mjs';
import { ages, chromium, joins, starts } from './viewing.mjs';

const TARGET = fileURLToPath(new URL('../target/bench/', import.meta.url));
const LEFT_UNSET = `${TARGET}left_unset.so`;
const FULL = { rounds: 2, warm: 10, joins: 5, frames: 120 };
const QUICK = { rounds: 1, warm: 3, joins: 2, frames: 60 };
const size = process.env.QUICK ? QUICK : FULL;

/** A property that stays as its element has it: see left_unset.c. */
const unset = (property) => ({
  start: (camera) => Ours.start(camera, { env: { LD_PRELOAD: LEFT_UNSET, LEFT_UNSET: property } }),
  check(side) {
    if (!side.program.log.includes(`left unset: ${property}`)) throw new Error(`nobody sets ${property}`);
  },
});
const configured = (options) => ({ start: (camera) => Ours.start(camera, options), check() {} });
/** Without this word of the board's line. */
function encoder(word) {
  if (!ENCODER.includes(word)) throw new Error(`the board has no ${word}`);
  return configured({ encoder: ENCODER.replace(word, '') });
}
/** The offer does not have this header extension. */
const unoffered = (extension) => ({ start: (camera) => Ours.start(camera), check() {}, unoffered: extension });

const SETTINGS = [
  { what: 'spares: workers that are ready', otherwise: 'none', ...configured({ prewarm: false }) },
  { what: 'the camera opens beside the negotiation', otherwise: 'when the viewer is connected', ...configured({ settings: 'camera-opens = "after-connected"' }) },
  { what: '`x264enc` `tune=zerolatency`', otherwise: 'none', ...encoder('tune=zerolatency') },
  { what: '`x264enc` `speed-preset=ultrafast`', otherwise: '`medium`', ...encoder('speed-preset=ultrafast') },
  { what: '`appsink` `sync=false`', otherwise: '`true`', ...unset('GstAppSink.sync') },
  { what: '`rtph264pay` `aggregate-mode=zero-latency`', otherwise: '`none`', ...unset('GstRtpH264Pay.aggregate-mode') },
  { what: '`webrtcbin` `latency=0`', otherwise: '200 ms', ...unset('GstWebRTCBin.latency') },
  { what: 'libnice `upnp=false`', otherwise: '`true`', ...unset('NiceAgent.upnp') },
  { what: 'libnice `ice-tcp=false`', otherwise: '`true`', ...unset('NiceAgent.ice-tcp') },
  { what: 'libnice `stun-pacing-timer=5`', otherwise: '20 ms', ...unset('NiceAgent.stun-pacing-timer') },
  { what: '`playout-delay` extension', otherwise: 'not offered', ...unoffered('playout-delay') },
];
const SHIPPED = { start: (camera) => Ours.start(camera), check() {} };

/** A browser whose offers lack `extension`. */
function without(browser, extension) {
  if (!extension) return browser;
  const alter = async (route) => {
    const { method, body } = { method: route.request().method(), body: route.request().postData() };
    if (method !== 'POST') return route.continue();
    const lines = body.split('\r\n').filter((line) => !(line.startsWith('a=extmap:') && line.includes(extension)));
    if (lines.join('\r\n') === body) throw new Error(`no offer has ${extension}`);
    return route.continue({ postData: lines.join('\r\n') });
  };
  return {
    async newContext(...options) {
      const context = await browser.newContext(...options);
      await context.route('**/whep/**', alter);
      return context;
    },
  };
}

async function measure(camera, browser, { start, check, unoffered: extension }, samples) {
  const side = await start(camera);
  const viewer = without(browser, extension);
  const note = (key, value) => (samples[key] ??= []).push(value);
  try {
    // The first session is not counted: it loads what later ones find.
    await starts(viewer, side, 1, { warm: true }, () => {});
    await starts(viewer, side, size.warm, { warm: true }, note);
    await joins(viewer, side, size.joins, note);
    await ages(viewer, side, size.frames, note);
    check(side);
  } catch (error) {
    error.message += `\n${side.program.log}`;
    throw error;
  } finally {
    await side.stop();
  }
}

const COLUMNS = [['answer', 'POST → answer'], ['frame', 'POST → first frame'], ['frameSecond', 'the same, second viewer'], ['age', 'capture → decoded']];

const round = (value) => value.toFixed(value < 10 ? 1 : 0);

/** What ships, what the other has, and how many times as long that is. */
function cell(key, { shipped, other }) {
  const [ours, theirs] = [shipped, other].map((samples) => quantile(samples[key], 0.5));
  return `${round(ours)} → ${round(theirs)} (×${(theirs / ours).toFixed(2)})`;
}

function table(run) {
  const { when, processor, cores, load } = run.machine;
  const { width, height, framerate, bitrate } = PICTURE;
  const count = run.rows[0].shipped.answer.length;
  return `One run, ${when}, ${processor} with ${cores} cores, load average ${load} before it; shutterd ${run.versions.shutterd}, GStreamer
${run.versions.gstreamer}, Chromium ${run.versions.chromium}; ${width}×${height} at ${framerate} frames per second and ${bitrate / 1e6} Mb/s. Medians in ms, of ${count} starts
and ${run.rows[0].shipped.age.length} frames each: as it ships → with the other, and how many times as long that is.

| as it ships | the other | ${COLUMNS.map(([, name]) => name).join(' | ')} |
|---|---|${COLUMNS.map(() => '---|').join('')}
${run.rows.map((row) => `| ${row.what} | ${row.otherwise} | ${COLUMNS.map(([key]) => cell(key, row)).join(' | ')} |`).join('\n')}
`;
}

const camera = await openCamera();
const browser = await chromium();
const run = { machine: machine(), versions: versions(browser), picture: { ...PICTURE, encoder: ENCODER }, rows: [] };
try {
  for (const setting of SETTINGS) {
    const [shipped, other] = [{}, {}];
    for (let turn = 0; turn < size.rounds; turn += 1) {
      const both = [[SHIPPED, shipped], [setting, other]];
      for (const [side, samples] of turn % 2 ? both.reverse() : both) await measure(camera, browser, side, samples);
    }
    run.rows.push({ what: setting.what, otherwise: setting.otherwise, shipped, other });
    console.log(`${setting.what}: ${COLUMNS.map(([key]) => cell(key, run.rows.at(-1))).join(', ')}`);
  }
} finally {
  await browser.close();
  await camera.stop();
}

const text = table(run);
await mkdir(TARGET, { recursive: true });
await writeFile(`${TARGET}settings.json`, `${JSON.stringify(run, null, 1)}\n`);
await writeFile(`${TARGET}settings.md`, text);
console.log(`\n${text}`);
if (process.env.README) await putIntoReadme('bench-settings', text, 'docs/figures.md');
