// SPDX-License-Identifier: MIT OR Apache-2.0
// `camera-opens`: with `after-connected` nothing of the camera is touched before the viewer is there;
// with `beside-negotiation` it opens at once, and neither waits for the other.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { END, START } from '../../src/web/steps.js';
import { launch } from './browser.mjs';
import { CAMERA, Service } from './service.mjs';
import { viewing } from './viewer-page.mjs';

const CYCLES = 5;
const CAMERA_STEPS = ['open-camera', 'create-source', 'create-stream'];
const names = (rows) => rows.map(({ step }) => step);

let browser;
const services = {};

before(async () => {
  browser = await launch();
  for (const setting of ['after-connected', 'beside-negotiation']) {
    services[setting] = await Service.start({ camera: `camera-opens = "${setting}"` });
  }
});

after(async () => {
  await browser?.close();
  for (const service of Object.values(services)) await service.stop();
});

/** The start steps of the two, each in the order in which they have to run. */
function lanes(role) {
  const negotiation = names(START[role]).filter((step) => !CAMERA_STEPS.includes(step));
  return { negotiation, camera: CAMERA_STEPS };
}

/** The session's entries by step, all of them done, all seven of the end in their order. */
async function entriesOf(service, id) {
  const entries = await service.timeline(id);
  const [start, end] = ['start', 'end'].map((name) => entries.filter(({ table }) => table === name));
  assert.deepEqual(names(end), names(END));
  assert.deepEqual(entries.filter(({ result }) => result !== 'done'), []);
  return { start, at: (name) => entries.find(({ step }) => step === name) };
}

const SEEN = {
  /** The camera's steps began when the viewer was connected. */
  async 'after-connected'(service, id, role) {
    const { start, at } = await entriesOf(service, id);
    const { negotiation, camera } = lanes(role);
    assert.deepEqual(names(start), [...negotiation.slice(0, -1), ...camera, negotiation.at(-1)]);
    assert.ok(at('open-camera').began_ms >= at('await-connected').ended_ms, JSON.stringify(start));
  },

  /** Each lane kept its order, the camera began with the peer, and the last step waited for both. */
  async 'beside-negotiation'(service, id, role) {
    const { start, at } = await entriesOf(service, id);
    for (const lane of Object.values(lanes(role))) {
      assert.deepEqual(names(start).filter((step) => lane.includes(step)), lane);
    }
    assert.deepEqual(names(start).slice(0, 2), ['create-peer', 'open-camera']);
    assert.ok(at('open-camera').asked_ms <= at('create-peer').ended_ms, JSON.stringify(start));
    assert.ok(at('enable-tracks').asked_ms >= at('create-stream').ended_ms, JSON.stringify(start));
  },
};

/** What is known of the camera while the browser has not connected. */
const HELD = {
  'after-connected': { state: 'closed', viewers: 0 },
  'beside-negotiation': { state: 'open', viewers: 1 },
};

for (const setting of Object.keys(SEEN)) {
  for (const role of ['answerer', 'offerer']) {
    for (const codec of ['h264', 'vp8']) {
      test(`${setting}, ${role}, ${codec}: the picture, then closed`, () => viewing(browser, services[setting], role, async (viewer) => {
        const service = services[setting];
        if (codec === 'vp8') await viewer.lacks('h264');
        await viewer.hold();
        await viewer.page.click('#watch');
        // As far as a session comes without the browser.
        const last = role === 'answerer' ? 'await-connected' : 'await-answer';
        const { cameras } = await service.status(({ sessions, cameras: [camera] }) => (
          sessions.at(-1)?.step === last && camera.state === HELD[setting].state), last);
        assert.equal(cameras[0].viewers, HELD[setting].viewers);
        await viewer.camera(HELD[setting].state);

        await viewer.release();
        await viewer.running();
        const { id } = await service.running();
        await viewer.frames();
        const picture = await viewer.picture();
        assert.deepEqual([picture.width, picture.height], [CAMERA.width, CAMERA.height]);
        assert.ok(picture.changed > 0, 'the picture moves');
        await viewer.figures();
        assert.equal((await viewer.text('figure-codec')).toLowerCase(), codec);
        assert.equal((await service.camera()).state, 'open');

        await viewer.stop();
        await viewer.steps('end', 7);
        assert.equal((await service.camera()).state, 'closed');
        await SEEN[setting](service, id, role);
      }));

      test(`${setting}, ${role}, ${codec}: ${CYCLES} starts and stops`, () => viewing(browser, services[setting], role, async (viewer) => {
        const service = services[setting];
        if (codec === 'vp8') await viewer.lacks('h264');
        for (let cycle = 0; cycle < CYCLES; cycle += 1) {
          await viewer.watch();
          const { id } = await service.running();
          await viewer.page.click('#stop');
          await viewer.phase('idle');
          assert.equal((await service.camera()).state, 'closed');
          await SEEN[setting](service, id, role);
        }
        assert.equal(await viewer.page.locator('#notice').isVisible(), false);
      }));
    }
  }
}
