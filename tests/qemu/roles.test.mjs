// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Both roles and both codecs against the device's camera, and several viewers of one camera.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { api, closed, foreignOpen, processes } from './service.mjs';
import { stand } from './stand.mjs';

// As in shutterd.toml.
const size = { width: 320, height: 180 };
const { guest, viewer, another } = stand();

const requested = { cause: { kind: 'requested', by: 'viewer' }, unclean: [], held: [] };

/** Fails with the service's log, which says what the page cannot see. */
async function telling(work) {
  try {
    return await work;
  } catch (error) {
    throw new Error(`${error.message}\n${await guest.log()}`, { cause: error });
  }
}

/** What the session's path takes, once the viewer has reported enough of its packets. */
async function pathOf(session) {
  for (let frames = 0; frames < 300; frames += 10) {
    const stats = await api(`sessions/${session}/stats`);
    if (stats['path-bitrate']) return stats['path-bitrate'];
    await viewer.frames(10);
  }
  return 0;
}

for (const role of ['whep', 'websocket']) {
  for (const codec of ['h264', 'vp8']) {
    test(`${role}, ${codec}: the camera's moving picture arrives, and the end closes the camera`, async () => {
      const session = await telling(viewer.start(role, codec));
      const times = await telling(viewer.frames(10));
      const picture = await viewer.picture();
      assert.deepEqual({ width: picture.width, height: picture.height }, size);
      assert.equal(picture.codec.toLowerCase(), `video/${codec}`);
      assert.ok(picture.colours >= 6, `vivid's colour bars have more than ${picture.colours} colours`);
      assert.ok(picture.decoded >= 10);
      assert.ok(await pathOf(session) > 0);
      const [holder, ...others] = await guest.cameraHolders();
      assert.deepEqual([holder?.user, others], ['shutterd', []]);
      const { outcome, took } = await telling(viewer.stop());
      // The service says so only when it has observed it, so there is nothing to wait for.
      assert.deepEqual(await guest.cameraHolders(), []);
      assert.deepEqual({ held: [], ...outcome, unclean: outcome.unclean ?? [] }, requested);
      await foreignOpen(guest);
      console.log(`${role} ${codec}: description ${Math.round(times.toDescription)} ms, first frame ` +
        `${Math.round(times.toFirstFrame)} ms, end ${Math.round(took)} ms, ${picture.changed} pixels moved`);
    });
  }
}

test('shutterctl shows the nineteen steps of a session, and what each process takes is said', async () => {
  await viewer.start('websocket');
  await viewer.frames(10);
  const memory = (await processes(guest)).map(({ name, memory: pss }) => `${name} ${(pss / 1024).toFixed(1)} MiB`);
  await viewer.stop();
  const { code, stdout } = await guest.run('shutterctl timeline last');
  assert.equal(code, 0);
  const rows = stdout.split('\n').filter((line) => /^ *\d+ +[a-z-]+ .* done\b/.test(line));
  assert.equal(rows.length, 19, stdout);
  console.log(`${stdout}\nproportional memory while one watches: ${memory.join(', ')}`);
});

test('three viewers share the camera; it closes with the last', async () => {
  const [first, second, third] = [viewer, await another(), await another()];
  await Promise.all([telling(first.start('whep')), telling(second.start('websocket'))]);
  await Promise.all([telling(first.frames(10)), telling(second.frames(10))]);
  await telling(third.start('whep'));
  await telling(third.frames(5));
  assert.equal((await api('cameras')).cameras[0].viewers, 3);
  await Promise.all([first, second, third].map((viewer) => telling(viewer.frames(5, { since: 'now' }))));
  assert.equal((await guest.cameraHolders()).length, 1, 'one worker holds the camera for all');

  await first.stop();
  assert.equal((await api('cameras')).cameras[0].viewers, 2);
  await Promise.all([second, third].map((viewer) => telling(viewer.frames(10, { since: 'now' }))));
  await second.stop();
  await telling(third.frames(10, { since: 'now' }));
  assert.equal((await guest.cameraHolders()).length, 1);
  await third.stop();
  assert.deepEqual(await guest.cameraHolders(), []);
  await closed(guest);
  await foreignOpen(guest);
  await Promise.all([second, third].map((one) => one.close()));
});
