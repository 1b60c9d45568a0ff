// SPDX-License-Identifier: MIT OR Apache-2.0
// How the page meets failures that the real service does not produce on demand.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { launch, screenshot } from './browser.mjs';
import { MockDevice } from './mock.mjs';
import { ViewerPage } from './viewer-page.mjs';

const ROLES = ['answerer', 'offerer'];

let browser;
let device;
let viewer;

before(async () => {
  // Both ends run in this browser; names of multicast DNS would need a network that has it.
  browser = await launch({ args: ['--disable-features=WebRtcHideLocalIpsWithMdns'] });
});
after(() => browser?.close());
beforeEach(async () => {
  device = await new MockDevice(['head', 'helmet']).start(browser);
  viewer = await ViewerPage.open(browser, device.address);
});
afterEach(async () => {
  await viewer.page.context().close();
  await device.stop();
});

for (const role of ROLES) {
  test(`${role}: a refusal is shown as it was written, and can be tried again`, async () => {
    device.refusal = { title: 'Too many viewers', status: 503, detail: '8 of 8 are watching', code: 'too-many-viewers', remedy: 'end another session' };
    await viewer.choose(role);
    await viewer.page.click('#watch');
    const said = await viewer.notice();
    for (const part of ['Too many viewers', '8 of 8 are watching', 'End another session', 'too-many-viewers']) {
      assert.ok(said.includes(part), `${part} in ${said}`);
    }
    await screenshot(viewer.page, `refused-${role}`);
    device.refusal = null;
    await viewer.page.click('#again');
    await viewer.phase('running');
    await viewer.frames();
    await viewer.stop();
    await viewer.close();
  });

  test(`${role}: the lens cover shuts; the page says so and offers to watch again`, async () => {
    await viewer.choose(role);
    await viewer.watch();
    device.shut = [{ by: 'lens-cover', what: 'the lens cover is shut (switch `lens-cover`)', cameras: [] }];
    await device.end(device.last, { kind: 'requested', by: 'lens-cover' });
    assert.match(await viewer.notice(), /The lens cover was shut\./);
    await viewer.phase('idle');
    await viewer.page.getByText('The lens cover is shut (switch `lens-cover`)').waitFor();
    assert.ok(await viewer.page.locator('#again').isVisible());
    assert.equal(await viewer.page.evaluate(() => document.getElementById('picture').srcObject), null);
  });

  test(`${role}: the service restarts; the page says that the session is gone`, async () => {
    await viewer.choose(role);
    await viewer.watch();
    await viewer.steps('start', 12);
    device.forget();
    assert.match(await viewer.notice(), /session-unknown/);
    await viewer.phase('idle');
  });

  test(`${role}: the device does not answer; the page gives no camera for closed`, async () => {
    await viewer.choose(role);
    await device.stop();
    await viewer.camera('unknown');
    await viewer.page.click('#watch');
    assert.match(await viewer.notice(), /cannot be reached/);
    await viewer.phase('idle');
  });

  test(`${role}: closing the page ends the session`, async () => {
    await viewer.choose(role);
    await viewer.watch();
    const session = device.last;
    await viewer.page.goto('about:blank');
    await device.ended(session);
    assert.equal(device.cameras[0].state, 'closed');
  });
}

test('a step of the start fails: which one, and why', async () => {
  device.failAt = { step: 'create-source', fault: { code: 'no-frames', detail: 'no frame came within 3 s' } };
  await viewer.choose('offerer');
  await viewer.page.click('#watch');
  assert.match(await viewer.notice(), /create-source failed\s+No frame came within 3 s\./);
  assert.deepEqual(await viewer.steps('start', 1, 'failed'), ['create-source']);
  assert.equal(await viewer.text('start-total'), 'failed at step 3');
});

test('a camera that was not observed closed is never called closed', async () => {
  device.held = ['camera'];
  device.unclean = [{ undo: 'close-camera', why: 'late' }];
  await viewer.watch();
  await viewer.stop();
  assert.match(await viewer.notice(), /not observed closed/);
  await viewer.camera('wedged');
  await viewer.steps('end', 7);
  assert.doesNotMatch(await viewer.text('end-total'), /closed after/);
  assert.doesNotMatch(await viewer.text('status'), /observed closed after/);
  await screenshot(viewer.page, 'wedged');
});

test('signalling is lost while watching: the picture goes on, and Stop still ends it', async () => {
  await viewer.choose('offerer');
  await viewer.watch();
  await viewer.steps('start', 12);
  device.last.link.breakOff();
  await viewer.page.waitForFunction(() => document.getElementById('status').textContent.includes('signalling'));
  await viewer.frames(30);
  await viewer.stop();
  assert.equal(device.cameras[0].state, 'closed');
  await viewer.close();
});

test('the camera is lost and opened again: the page says so, and the viewer stays', async () => {
  await viewer.watch();
  await viewer.steps('start', 12);
  const [camera] = device.cameras;
  Object.assign(camera, { state: 'opening', fault: { code: 'camera-missing', detail: '/dev/video0: no such device' } });
  device.publish();
  const says = (text) => viewer.page.waitForFunction((t) => document.getElementById('status').textContent.includes(t), text);
  await says('Camera lost: /dev/video0: no such device. It is being opened again');
  await viewer.camera('opening');
  assert.equal(await viewer.page.locator('#notice').isVisible(), false);
  await screenshot(viewer.page, 'camera-lost');
  Object.assign(camera, { state: 'open', fault: undefined });
  device.publish();
  await says('The camera is back');
  await viewer.frames();
  await viewer.stop();
  await viewer.close();
});

test('several cameras: the chosen one is opened, and no other', async () => {
  await viewer.page.selectOption('#camera', 'helmet');
  await viewer.watch();
  assert.deepEqual(device.cameras.map(({ state }) => state), ['closed', 'open']);
  await viewer.stop();
  await viewer.close();
});

test('everything can be reached and pressed with the keyboard', async () => {
  const { page } = viewer;
  const reached = [];
  for (const wanted of ['camera', 'role-answerer', 'watch']) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate(() => document.activeElement.id));
    assert.equal(reached.at(-1), wanted);
    const outlined = await page.evaluate(() => {
      const shown = document.activeElement.matches('[type=radio]') ? document.activeElement.nextElementSibling : document.activeElement;
      return getComputedStyle(shown).outlineStyle;
    });
    assert.equal(outlined, 'solid', `${wanted} shows that it has the focus`);
  }
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('ArrowRight');
  assert.ok(await page.isChecked('#role-offerer'));
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await viewer.running();
  await page.keyboard.press('Shift+Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'fullscreen');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.fullscreenElement?.id === 'stage');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => !document.fullscreenElement);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await viewer.phase('idle');
});
