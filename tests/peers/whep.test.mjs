// SPDX-License-Identifier: MIT OR Apache-2.0
// GStreamer's own WHEP client, unchanged, against the real service with the demo board.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CAMERA, Service } from '../browser/service.mjs';

const VIEWER = process.env.WHEP_VIEWER
  ?? fileURLToPath(new URL('../../target/peers/debug/whep-viewer', import.meta.url));
const FRAMES = 30;
/** Longer than the viewer's own patience. */
const WATCH_DEADLINE_MS = 60_000;

let service;

before(async () => {
  service = await Service.start();
});
after(() => service?.stop());

/** Runs the viewer to its end. */
function watch(camera, ...encoding) {
  const endpoint = `${service.address}/whep/${camera}`;
  return new Promise((resolve) => {
    execFile(VIEWER, [endpoint, String(FRAMES), ...encoding], { timeout: WATCH_DEADLINE_MS, killSignal: 'SIGKILL' },
      (error, stdout, stderr) => resolve({ code: error?.code ?? error?.signal ?? 0, stdout, stderr }));
  });
}

for (const [what, encoding, codec] of [
  ['H.264 alone, without a word on its profile', ['H264'], 'h264'],
  ['VP8 alone', ['VP8'], 'vp8'],
  ['all that it has', [], 'h264'],
]) {
  test(`whepsrc offers ${what}: decoded frames, and an end with DELETE`, async () => {
    const { code, stdout, stderr } = await watch(CAMERA.name, ...encoding);
    assert.deepEqual({ code, stdout }, { code: 0, stdout: `${CAMERA.width}x${CAMERA.height}\n` }, stderr);
    // Nothing to wait for: the answer to its DELETE came when all of this was so.
    const { cameras, sessions } = await service.json('/api/v1/status');
    const { codec: sent, phase, outcome } = sessions.at(-1);
    assert.deepEqual({ sent, phase }, { sent: codec, phase: 'ended' });
    assert.deepEqual(outcome, { cause: { kind: 'requested', by: 'viewer' }, unclean: [], held: [] });
    assert.equal(cameras[0].state, 'closed');
  });
}

test('whepsrc shows what it is refused for, and the viewer fails', async () => {
  for (const [camera, encoding, reason] of [['none', 'VP8', /camera-unknown/], [CAMERA.name, 'AV1', /no-common-codec/]]) {
    const { code, stdout, stderr } = await watch(camera, encoding);
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' }, stderr);
    assert.match(stderr, reason);
  }
  assert.equal((await service.camera()).state, 'closed');
});
