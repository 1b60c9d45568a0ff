// SPDX-License-Identifier: MIT OR Apache-2.0
// The viewer page against the real service with the demo board, in both roles.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { END, START } from '../../src/web/steps.js';
import { launch, screenshot } from './browser.mjs';
import { CAMERA, Service } from './service.mjs';
import { ViewerPage, viewing as viewingIn } from './viewer-page.mjs';

const CYCLES = 20;
const names = (rows) => rows.map(({ step }) => step);

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

const viewing = (role, act, options) => viewingIn(browser, service, role, act, options);

for (const role of ['answerer', 'offerer']) {
  describe(role === 'answerer' ? 'WHEP, the viewer offers' : 'WebSocket, the device offers', () => {
    test('watch and stop with the mouse', () => viewing(role, async (viewer) => {
      await viewer.watch();
      await viewer.frames();
      const picture = await viewer.picture();
      assert.equal(picture.width, CAMERA.width);
      assert.equal(picture.height, CAMERA.height);
      assert.ok(picture.changed > 0, 'the picture moves');
      await viewer.figures();
      assert.equal(await viewer.text('figure-resolution'), `${CAMERA.width} × ${CAMERA.height}`);
      await viewer.camera('open');
      assert.deepEqual(await viewer.steps('start', 12), names(START[role]));

      await viewer.stop();
      assert.deepEqual(await viewer.steps('end', 7), names(END));
      await viewer.camera('closed');
      assert.equal((await service.camera()).state, 'closed');
      assert.match(await viewer.text('end-total'), /^camera closed after /);
      assert.equal(await viewer.page.locator('#notice').isVisible(), false);
    }));

    test('watch and stop with the keyboard', () => viewing(role, async (viewer) => {
      const { keyboard } = viewer.page;
      await viewer.page.focus('#watch');
      await keyboard.press('Enter');
      await viewer.running();
      await viewer.frames();
      // The focus went to Stop by itself: a disabled button must not strand the keyboard.
      assert.equal(await viewer.page.evaluate(() => document.activeElement.id), 'stop');
      await keyboard.press('Space');
      await viewer.phase('idle');
      await viewer.steps('end', 7);
      assert.equal(await viewer.page.evaluate(() => document.activeElement.id), 'watch');
    }));

    test(`${CYCLES} starts and stops with no gap`, () => viewing(role, async (viewer) => {
      for (let cycle = 0; cycle < CYCLES; cycle += 1) {
        await viewer.watch();
        await viewer.page.click('#stop');
        await viewer.phase('idle');
      }
      assert.equal(await viewer.page.locator('#notice').isVisible(), false);
      await viewer.steps('end', 7);
      assert.equal((await service.camera()).state, 'closed');
    }));

    test('a stop while it starts wins', () => viewing(role, async (viewer) => {
      await viewer.page.click('#watch');
      await viewer.page.click('#stop');
      await viewer.phase('idle');
      await service.closed();
      // And the next one starts.
      await viewer.watch();
      await viewer.frames();
      await viewer.stop();
    }));

    // Failure modes: V2.
    test('a page that goes away ends its session', async () => {
      const viewer = await ViewerPage.open(browser, service.address);
      await viewer.choose(role);
      await viewer.watch();
      await viewer.page.goto('about:blank');
      const { sessions } = await service.closed();
      assert.deepEqual(sessions.at(-1).outcome.cause, { kind: 'requested', by: 'viewer' });
      await viewer.page.context().close();
    });

    test('a session that the API ends says so', () => viewing(role, async (viewer) => {
      await viewer.watch();
      const { sessions } = await service.json('/api/v1/status');
      const alive = sessions.find(({ phase }) => phase === 'running' || phase === 'starting');
      await fetch(`${service.address}/api/v1/sessions/${alive.id}`, { method: 'DELETE' });
      assert.match(await viewer.notice(), /stopped on the device/);
      await viewer.phase('idle');
    }));
  });
}

test('three viewers: the first leaves, the others go on; the last closes the camera', async () => {
  const viewers = [];
  for (const role of ['answerer', 'offerer', 'answerer']) {
    const viewer = await ViewerPage.open(browser, service.address);
    await viewer.choose(role);
    const asked = performance.now();
    await viewer.watch();
    // Well below the 4 s between two keyframes that nobody asked for.
    assert.ok(performance.now() - asked < 2500, 'one who joins gets a picture at once');
    await viewer.frames();
    viewers.push(viewer);
  }
  const [first, ...others] = viewers;
  assert.equal((await service.camera()).viewers, 3);
  await first.stop();
  await first.steps('end', 7);
  assert.equal(await first.text('end-total'), 'camera kept for 2 others');
  assert.equal((await service.camera()).state, 'open');
  await Promise.all(others.map((viewer) => viewer.frames(30)));
  for (const viewer of others) await viewer.stop();
  await service.closed();
  for (const viewer of viewers) await viewer.close();
});

test('one viewer too many is told so, and the others go on', async () => {
  const viewers = [];
  for (let count = 0; count < CAMERA.maxViewers; count += 1) {
    viewers.push(await ViewerPage.open(browser, service.address));
    await viewers.at(-1).watch();
  }
  for (const role of ['answerer', 'offerer']) {
    const refused = await ViewerPage.open(browser, service.address);
    await refused.choose(role);
    await refused.page.click('#watch');
    assert.match(await refused.notice(), /too-many-viewers/);
    assert.match(await refused.notice(), /What helps/);
    await refused.phase('idle');
    await refused.close();
  }
  await Promise.all(viewers.map((viewer) => viewer.frames()));
  for (const viewer of viewers) await viewer.close();
  await service.closed();
});

test('a camera that does not exist is refused in plain words', async () => {
  const viewer = await ViewerPage.open(browser, service.address);
  // As when the configuration changed while the page was open.
  await viewer.page.evaluate(() => {
    document.getElementById('camera').replaceChildren(new Option('none', 'none', true, true));
    document.getElementById('watch').disabled = false;
  });
  for (const role of ['answerer', 'offerer']) {
    await viewer.choose(role);
    await viewer.page.click('#watch');
    assert.match(await viewer.notice(), /camera-unknown/);
    await viewer.page.click('#dismiss');
    await viewer.phase('idle');
  }
  await viewer.close();
});

test('looks: phone and desktop, dark and light', async () => {
  const sizes = { desktop: { width: 1440, height: 900 }, phone: { width: 360, height: 740 } };
  for (const [size, viewport] of Object.entries(sizes)) {
    for (const colorScheme of ['dark', 'light']) {
      await viewing('answerer', async (viewer) => {
        await viewer.watch();
        await viewer.steps('start', 12);
        await viewer.figures();
        await viewer.frames(30);
        await screenshot(viewer.page, `${size}-${colorScheme}-watching`);
        // What a step has to say can be long.
        await viewer.page.click('#notes');
        const overflow = await viewer.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${size}: ${overflow} px too wide`);
        await viewer.page.click('#notes');
        await viewer.stop();
        await viewer.steps('end', 7);
        await viewer.camera('closed');
        await screenshot(viewer.page, `${size}-${colorScheme}-stopped`);
      }, { viewport, colorScheme });
    }
  }
});
