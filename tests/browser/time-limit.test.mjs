// SPDX-License-Identifier: MIT OR Apache-2.0
// `session.max-duration`: a session that runs is ended by the device, which says why.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { END } from '../../src/web/steps.js';
import { launch } from './browser.mjs';
import { Service } from './service.mjs';
import { viewing } from './viewer-page.mjs';

let browser;
let service;

before(async () => {
  browser = await launch();
  // Counted from the start of the session, which a loaded machine needs a part of.
  service = await Service.start({ session: 'max-duration = "3s"' });
});

after(async () => {
  await browser?.close();
  await service?.stop();
});

for (const role of ['answerer', 'offerer']) {
  test(`${role}: the time is over, the page says so, and watching again is offered`, () => viewing(browser, service, role, async (viewer) => {
    await viewer.watch();
    await viewer.frames();
    const { id } = await service.running();
    assert.equal(await viewer.notice(), [
      'The session has ended',
      'The configured time limit is over.',
      'time-limit',
      'Watch again\nDismiss',
    ].join('\n\n'));
    await viewer.phase('idle');
    const { cameras, sessions } = await service.closed();
    assert.equal(cameras[0].state, 'closed');
    const { outcome } = sessions.find((session) => session.id === id);
    assert.deepEqual(outcome, { cause: { kind: 'requested', by: 'time-limit' }, unclean: [], held: [] });
    assert.deepEqual(await viewer.steps('end', 7), END.map(({ step }) => step));
    await viewer.camera('closed');

    // And the next one starts, with all of its time.
    await viewer.page.click('#again');
    await viewer.running();
    await viewer.frames();
    await viewer.stop();
  }));
}
