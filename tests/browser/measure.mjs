// SPDX-License-Identifier: MIT OR Apache-2.0
// How long a viewer waits, and how long the camera takes to close, as a browser sees it. Prints
// JSON, times in milliseconds:
//   node measure.mjs [--cycles 30]                                 the service, started for it
//   node measure.mjs --url http://127.0.0.1:8190 --endpoint /whep/endpoint [--gather]
//                                                                  any other WHEP server

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { launch, open } from './browser.mjs';
import { within } from './deadline.mjs';
import { CAMERA, Service } from './service.mjs';

const { values: given } = parseArgs({
  options: {
    cycles: { type: 'string', default: '30' },
    url: { type: 'string' },
    endpoint: { type: 'string', default: `/whep/${CAMERA.name}` },
    gather: { type: 'boolean', default: false },
  },
});

function summary(samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share) => Number(sorted[Math.round((sorted.length - 1) * share)].toFixed(1));
  return { median: at(0.5), p95: at(0.95), min: at(0), max: at(1), first: Number(samples[0].toFixed(1)) };
}

const service = given.url ? null : await Service.start();
const origin = new URL(given.url ?? service.address).origin;
const browser = await launch();
try {
  const page = await open(browser, 'about:blank');
  // Under the server's own origin, so that no server needs to allow another one.
  const client = `${origin}/measuring-client`;
  const body = await readFile(new URL('whep.html', import.meta.url), 'utf8');
  await page.route(client, (route) => route.fulfill({ contentType: 'text/html', body }));
  await page.goto(client);
  await page.waitForFunction(() => window.watch);

  const samples = {};
  for (let cycle = 0; cycle < Number(given.cycles); cycle += 1) {
    const options = { endpoint: given.endpoint, gather: given.gather };
    const start = await within(page.evaluate((o) => window.watch(o), options), `the picture of cycle ${cycle}`);
    const camera = service ? CAMERA.name : null;
    const end = await within(page.evaluate((o) => window.end(o), { camera }), `the end of cycle ${cycle}`);
    for (const [name, ms] of Object.entries({ ...start, ...end })) (samples[name] ??= []).push(ms);
  }
  const figures = Object.entries(samples).map(([name, list]) => [name, summary(list)]);
  const { width, height, framerate } = CAMERA;
  const what = service ? { camera: { width, height, framerate } } : { url: given.url };
  console.log(JSON.stringify({ ...what, cycles: Number(given.cycles), unit: 'ms', ...Object.fromEntries(figures) }, null, 2));
} finally {
  await browser.close();
  await service?.stop();
}
