// SPDX-License-Identifier: MIT OR Apache-2.0
// A path that becomes too narrow for the picture, with a real browser at its other end. Runs under
// cabled.sh.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pass } from 'node:timers/promises';
import { launch } from '../browser/browser.mjs';
import { Service } from '../browser/service.mjs';
import { viewing } from '../browser/viewer-page.mjs';
import { cannotNarrow, narrowed } from './cable.mjs';

/** The picture of the tests' camera takes 450 kb/s. */
const NARROW = '200kbit';
/** How long the estimate may take: it rises by about a twelfth in a second. */
const DEADLINE_MS = 30_000;

const skip = cannotNarrow();
let browser;
let service;

before(async () => {
  service = await Service.start({ listen: '10.78.0.1' });
  browser = await launch({ args: [`--unsafely-treat-insecure-origin-as-secure=${service.address}`] });
});

after(async () => {
  await browser?.close();
  await service?.stop();
});

/** Waits until what the session's path takes is `wanted`, in bits per second. */
async function path(id, wanted) {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const stats = await service.json(`/api/v1/sessions/${id}/stats`);
    if (wanted(stats['path-bitrate'])) return;
    assert.ok(performance.now() < deadline, JSON.stringify(stats));
    // Estimates come by themselves; nothing tells of them.
    await pass(100);
  }
}

for (const role of ['answerer', 'offerer']) {
  test(`${role}: on a narrow path the picture goes on, and on a wide one it recovers`, { skip }, () => viewing(browser, service, role, async (viewer) => {
    await viewer.watch();
    const { id } = await service.running();
    await path(id, (bitrate) => bitrate > 450_000);
    await narrowed('device', NARROW, async () => {
      await path(id, (bitrate) => bitrate < 220_000);
      await viewer.frames(60);
    });
    await path(id, (bitrate) => bitrate > 300_000);
    await viewer.frames(60);
    assert.equal((await service.running()).id, id);
    await viewer.stop();
  }));
}
