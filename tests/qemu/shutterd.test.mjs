// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The shutter promise on a device: a real kernel, a camera node, an unprivileged service and a browser across a network.
// Who holds the camera is what the kernel says under /proc, not what the service says.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { closed } from './service.mjs';
import { stand } from './stand.mjs';

const { guest, viewer, reopen } = stand();

async function watch() {
  await viewer.start('whep');
  await viewer.frames(10);
}

test('the service runs as a user of its own and holds no camera', async () => {
  const { stdout } = await guest.run('stat -c %U "/proc/$(/usr/lib/testbed/service status)"');
  assert.equal(stdout, 'shutterd\n', await guest.log());
  assert.deepEqual(await guest.cameraHolders(), []);
});

test('a viewer sees the camera, one worker holds it, and DELETE closes it', async () => {
  await watch();
  const held = await guest.cameraHolders();
  assert.equal(held.length, 1, JSON.stringify(held));
  assert.equal(held[0].user, 'shutterd');
  assert.match(held[0].command, /shutter-media/);
  await viewer.stop();
  assert.deepEqual(await guest.cameraHolders(), []);
});

// Failure modes: N3.
test('a viewer that vanishes without a word does not keep the camera open', async () => {
  await watch();
  await viewer.close();
  console.log(`viewer gone to closed: ${await closed(guest, 60_000)} ms`);
});

test('a session starts again after that', async () => {
  await reopen();
  await watch();
  await viewer.close();
  await closed(guest, 60_000);
});
