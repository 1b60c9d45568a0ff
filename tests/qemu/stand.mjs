// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the tests of one file stand on: a device that runs the service, a browser, and a viewer in it. All of it is there before the
// first test and gone after the last, however they went.

import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';

import { launchChromium } from './chromium.mjs';
import { Guest } from './guest.mjs';
import { bootService, ready } from './service.mjs';
import { Viewer } from './viewer.mjs';

/** What the device has to say to a test that failed: the end of its log, and the steps of its last session. */
async function circumstances(guest) {
  try {
    const log = (await guest.log()).split('\n').slice(-60).join('\n');
    const { stdout, stderr } = await guest.run('shutterctl sessions; shutterctl timeline last');
    return `${log}\n${stdout}${stderr}`;
  } catch (error) {
    return `The device cannot be asked any more: ${error.message}`;
  }
}

/**
 * Sets up the file that calls it.
 * @param {object} [options] the device's, as `Guest` has them
 * @param {(guest: Guest) => Promise<void>} [prepare] what else the device needs, once the service answers
 */
export function stand(options, prepare) {
  const guest = new Guest(options);
  const viewer = new Viewer();
  let browser;

  before(async () => {
    await bootService(guest);
    await prepare?.(guest);
    browser = await launchChromium();
    await viewer.open(browser);
  });
  afterEach(async (context) => {
    if (!context.passed) console.log(await circumstances(guest));
  });
  after(async () => {
    await browser?.close();
    await guest.stop();
  });

  /** One more viewer, for its caller to close. */
  async function another() {
    const more = new Viewer();
    await more.open(browser);
    return more;
  }

  /** The service ends, the script `change` runs, and it starts with `variables` in its environment; so does the viewer. */
  async function restart({ change = ':', variables = '' } = {}) {
    const { code, stderr } = await guest.run(`
      set -e
      /usr/lib/testbed/service stop
      ${change}
      /usr/lib/testbed/service start ${variables}`, { milliseconds: 60_000 });
    assert.equal(code, 0, stderr);
    await reopen();
  }

  /** The viewer starts afresh, with a service that was started anew. */
  async function reopen() {
    await ready(guest);
    await viewer.open(browser);
  }

  /** A session starts at once, shows the picture, and leaves a closed camera. */
  async function sessionWorks(role = 'whep') {
    await viewer.start(role);
    await viewer.frames(3);
    const { outcome } = await viewer.stop();
    assert.deepEqual([outcome.cause, outcome.held], [{ kind: 'requested', by: 'viewer' }, []], JSON.stringify(outcome));
    // An emulated processor may miss a deadline of 200 ms, and then its worker is killed. Nothing else may go wrong.
    assert.deepEqual(outcome.unclean.filter(({ why }) => why !== 'late'), [], JSON.stringify(outcome));
    assert.deepEqual(await guest.cameraHolders(), []);
  }

  return { guest, viewer, another, reopen, restart, sessionWorks };
}
