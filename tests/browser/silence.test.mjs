// SPDX-License-Identifier: MIT OR Apache-2.0
// A viewer that goes without a word: its whole browser is killed while it watches. Its signalling
// connection breaks off with it, which does not end a session that runs; its silence does.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { END } from '../../src/web/steps.js';
import { launch, launchToKill } from './browser.mjs';
import { Service } from './service.mjs';
import { ViewerPage, viewing } from './viewer-page.mjs';

let browser;
let service;

before(async () => {
  browser = await launch();
  service = await Service.start();
});

after(async () => {
  await browser?.close();
  await service?.stop();
});

/** A viewer in a browser of its own, which is killed as soon as `act` is done with it. */
async function doomed(role, act) {
  const own = await launchToKill();
  try {
    const viewer = await ViewerPage.open(own.browser, service.address);
    await viewer.choose(role);
    return await act(viewer);
  } finally {
    await own.kill();
  }
}

/** The id of a session whose viewer was killed while it watched. */
const killedWatching = (role) => doomed(role, async (viewer) => {
  await viewer.watch();
  await viewer.frames();
  return (await service.running()).id;
});

/** Waits until session `id` has ended; sees that it was lost for this reason, and ended well. */
async function lost(id, code, owed = END) {
  const over = ({ sessions }) => sessions.find((one) => one.id === id).phase === 'ended';
  const status = await service.status(over, 'the end of the session without a viewer');
  const { outcome } = status.sessions.find((one) => one.id === id);
  assert.deepEqual([outcome.cause.kind, outcome.cause.fault?.code], ['lost', code], JSON.stringify(outcome));
  assert.deepEqual([outcome.unclean, outcome.held], [[], []]);
  const ends = (await service.timeline(id)).filter(({ table }) => table === 'end');
  assert.deepEqual(ends.map(({ step }) => step), owed.map(({ step }) => step));
  return { status, close: ends.find(({ step }) => step === 'close-camera') };
}

for (const role of ['answerer', 'offerer']) {
  // Failure modes: N3.
  test(`${role}: the only viewer is killed; the camera closes, and the next session starts`, async () => {
    const id = await killedWatching(role);
    // The camera is open until the silence has lasted: nobody said goodbye.
    assert.equal((await service.camera()).state, 'open');
    const { status } = await lost(id, 'viewer-vanished');
    assert.equal(status.cameras[0].state, 'closed');
    await viewing(browser, service, role, async (viewer) => {
      await viewer.watch();
      await viewer.frames();
      await viewer.stop();
    });
  });

  test(`${role}: one of two viewers is killed; the other goes on as if nothing had been`, () => viewing(browser, service, 'answerer', async (viewer) => {
    await viewer.watch();
    const id = await killedWatching(role);
    const [{ status, close }] = await Promise.all([lost(id, 'viewer-vanished'), viewer.frames(60)]);
    assert.deepEqual([status.cameras[0].state, status.cameras[0].viewers], ['open', 1]);
    assert.equal(close.note, 'kept for 1 other');
    await viewer.frames(30);
    assert.equal(await viewer.page.locator('#notice').isVisible(), false);
    // And a new one joins.
    const next = await ViewerPage.open(browser, service.address);
    await next.choose(role);
    await next.watch();
    await next.frames();
    await next.stop();
    await next.close();
    await viewer.stop();
  }));
}

test('offerer: the viewer is killed before it is connected; the camera closes at once', async () => {
  const id = await doomed('offerer', async (viewer) => {
    await viewer.hold();
    await viewer.page.click('#watch');
    const waits = ({ sessions }) => sessions.at(-1)?.step === 'await-answer';
    const { cameras, sessions } = await service.status(waits, 'await-answer');
    assert.equal(cameras[0].state, 'open');
    return sessions.at(-1).id;
  });
  // No track was enabled, so none is disabled.
  const { status } = await lost(id, 'signalling-gone', END.slice(1));
  assert.equal(status.cameras[0].state, 'closed');
});
