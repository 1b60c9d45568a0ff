// SPDX-License-Identifier: MIT OR Apache-2.0
// A network that is lost and comes back, with a real browser at its other end. Runs under cabled.sh.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pass } from 'node:timers/promises';
import { launch } from '../browser/browser.mjs';
import { Service } from '../browser/service.mjs';
import { viewing } from '../browser/viewer-page.mjs';
import { without } from './cable.mjs';

/** From the moment when a viewer was heard last to the camera observed closed, with a kill. */
const BOUND_MS = 9200;

/**
 * Which direction is lost, who watches, for how long it is sat out, and whether the device hears
 * nothing from the first moment on. Who still hears its viewer misses nobody: Chromium sends its
 * reports until its own ICE has given up.
 */
const OUTAGES = [
  { lost: 'both directions', ends: ['device', 'viewer'], role: 'answerer', satOutMs: 2000, deaf: true },
  { lost: 'what the viewer sends', ends: ['viewer'], role: 'offerer', satOutMs: 2000, deaf: true },
  { lost: 'what the device sends', ends: ['device'], role: 'answerer', satOutMs: 4000, deaf: false },
];

let browser;
let service;

before(async () => {
  service = await Service.start({ listen: '10.78.0.1' });
  // As the loopback's are of itself: else the browser remarks on the headers of the page.
  browser = await launch({ args: [`--unsafely-treat-insecure-origin-as-secure=${service.address}`] });
});

after(async () => {
  await browser?.close();
  await service?.stop();
});

for (const { lost, ends, role, satOutMs, deaf } of OUTAGES) {
  // Failure modes: N4.
  test(`${lost}, lost for a moment and then for good`, () => viewing(browser, service, role, async (viewer) => {
    await viewer.watch();
    const { id } = await service.running();
    await without(ends, () => pass(satOutMs));
    await viewer.frames();
    assert.equal((await service.running()).id, id);

    const cut = performance.now();
    const status = await without(ends, () => service.closed());
    const took = performance.now() - cut;
    const { outcome } = status.sessions.find((one) => one.id === id);
    assert.deepEqual([outcome.cause.kind, outcome.cause.fault?.code], ['lost', 'viewer-vanished'], JSON.stringify(outcome));
    assert.deepEqual([outcome.unclean, outcome.held], [[], []]);
    if (deaf) assert.ok(took <= BOUND_MS, `${took} ms`);
    // The network is back: the page says what became of its session, and the next one starts.
    await viewer.notice();
    await viewer.watch();
    await viewer.frames();
    await viewer.stop();
  }));
}
