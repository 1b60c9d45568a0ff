// SPDX-License-Identifier: MIT OR Apache-2.0
// Servers of ICE by names that nobody resolves. Runs under cabled.sh.

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { launch } from '../browser/browser.mjs';
import { within } from '../browser/deadline.mjs';
import { Service } from '../browser/service.mjs';
import { viewing } from '../browser/viewer-page.mjs';

const SERVERS = ['stun:stun.test:3478', 'turn:user:password@relay.test:3478'];

/** The name server of this network: hears every question and answers none. */
async function silentNameServer() {
  const socket = createSocket('udp4');
  socket.bind(53, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

for (const role of ['answerer', 'offerer']) {
  // Failure modes: G13.
  test(`${role}: a name server that never answers holds up neither the picture nor the end`, async () => {
    const names = await silentNameServer();
    const asked = once(names, 'message');
    const service = await Service.start({ listen: '10.78.0.1', webrtc: `ice-servers = ${JSON.stringify(SERVERS)}` });
    const browser = await launch({ args: [`--unsafely-treat-insecure-origin-as-secure=${service.address}`] });
    try {
      await viewing(browser, service, role, async (viewer) => {
        await viewer.watch();
        await within(asked, "the device's question to its name server");
        await viewer.frames();
        // In far less than the ten seconds after which a resolver gives up.
        await viewer.stop();
        const { sessions } = await service.closed();
        const { cause, unclean, held } = sessions.at(-1).outcome;
        assert.deepEqual([cause, unclean, held], [{ kind: 'requested', by: 'viewer' }, [], []]);
      });
    } finally {
      await browser.close();
      await service.stop();
      names.close();
    }
  });
}
