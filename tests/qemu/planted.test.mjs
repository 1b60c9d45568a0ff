// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Faults planted in the service's own workers, with a kernel camera: what `make faults` does to every step on the demo board, done
// here to those that touch the node. The device runs the build with the feature `faults`, and no other file's device does.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { api, cameraWhen, closingTime, ended, foreignOpen, origin, promised } from './service.mjs';
import { stand } from './stand.mjs';

const { guest, viewer, restart, sessionWorks } = stand({ product: 'faults' });

/** Plants these faults and no others. A worker hears of them before its next command. */
async function plant(...faults) {
  const response = await fetch(`${origin}/api/v1/faults`, {
    method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(faults),
  });
  assert.equal(response.status, 200, `this build takes no faults: ${await response.text()}`);
}

const newest = async () => (await api('status')).sessions.reduce((a, b) => (b.generation > a.generation ? b : a)).id;

/** The session left nothing: its camera was seen closed in time, and the next one starts and shows a picture. */
async function released(session, role) {
  await plant();
  assert.deepEqual((await ended(session)).outcome.held, []);
  assert.deepEqual(await guest.cameraHolders(), []);
  const took = await closingTime(session);
  assert.ok(took <= promised, `closed after ${took} ms`);
  await sessionWorks(role);
  return Math.round(took);
}

// In each row both roles have their turn.
const roles = ['whep', 'websocket'];
let turn = 0;

for (const [place, step, when] of [
  ['camera', 'open-camera', 'after'], ['camera', 'create-source', 'after'], ['peer', 'create-data-channel', 'before'],
]) {
  for (const what of ['hang', 'abort', 'segfault']) {
    const role = roles[turn++ % 2];
    test(`${what} ${when} ${step}, ${role}: said, closed, and the next session starts`, async () => {
      await plant({ place, step, when, what });
      await viewer.attempt(role);
      const session = await newest();
      const { outcome: { cause } } = await ended(session);
      assert.deepEqual([cause.kind, cause.step, cause.fault?.code],
        what === 'hang' ? ['start-late', step, undefined] : ['start-failed', step, 'worker-gone'], JSON.stringify(cause));
      console.log(`${what} ${when} ${step}, ${role}: closed after ${await released(session, role)} ms`);
    });
  }
}

for (const what of ['hang', 'abort', 'segfault']) {
  const role = roles[turn++ % 2];
  test(`${what} before close-camera, ${role}: closed by the kernel, and the next session starts`, async () => {
    const session = await viewer.start(role);
    await viewer.frames(3);
    await plant({ place: 'camera', step: 'close-camera', when: 'before', what });
    const { outcome } = await viewer.stop();
    assert.deepEqual(outcome.cause, { kind: 'requested', by: 'viewer' });
    const close = outcome.unclean.find(({ undo }) => undo === 'close-camera');
    assert.equal(close?.why === 'late', what === 'hang', JSON.stringify(outcome));
    console.log(`${what} before close-camera, ${role}: closed after ${await released(session, role)} ms`);
  });
}

// As a driver that orphans its buffers has it, and as one that wants them back.
for (const variables of ['', 'GST_V4L2_FORCE_DRAIN=1']) {
  // Failure modes: V3.
  test(`one buffer kept for ever is found, and the camera closed all the same ${variables}`, async () => {
    if (variables) await restart({ variables });
    await plant({ place: 'camera', step: 'create-source', when: 'after', what: 'keep-buffer' });
    const session = await viewer.start('whep');
    await viewer.frames(10);
    const { outcome } = await viewer.stop();
    assert.deepEqual(outcome.cause, { kind: 'requested', by: 'viewer' });
    const kept = outcome.unclean.find(({ undo }) => undo === 'await-capture-stopped');
    assert.equal(kept?.why, 'late', JSON.stringify(outcome));
    console.log(`one buffer kept, ${variables}: closed after ${await released(session, 'websocket')} ms`);
    await foreignOpen(guest);
  });
}

// Failure modes: V16.
test('a child that inherited the node: named, refused, and free again when it has ended', async () => {
  await restart();
  await plant({ place: 'camera', step: 'create-source', when: 'after', what: 'inherit' });
  await viewer.start('whep');
  await viewer.frames(3);
  await plant();
  const child = (await guest.cameraHolders()).find(({ command }) => command === '/bin/sleep 1000');
  assert.ok(child, 'the child has the node');
  const { outcome } = await viewer.stop();
  assert.deepEqual(outcome.held, ['camera']);
  const { fault } = await cameraWhen(guest, ({ state }) => state === 'wedged');
  const named = new RegExp(`sleep \\(pid ${child.pid}\\)`);
  assert.match(fault.detail, named);
  const { status, problem } = await viewer.attempt('whep');
  assert.deepEqual([status, problem.code], [503, 'camera-wedged']);
  assert.match(problem.detail, named);
  await guest.run(`kill ${child.pid}`);
  await cameraWhen(guest, ({ state }) => state === 'closed');
  await sessionWorks();
});

/** A session whose worker sleeps in the kernel when it is to stop the capture; resolves with the worker's number. */
async function stuck() {
  const { code, stderr } = await guest.run(`
    set -e
    modprobe loop
    mkdir -p /tmp/frozen
    truncate -s 4M /tmp/disk
    mke2fs -F /tmp/disk > /dev/null
    mount -t ext4 -o loop /tmp/disk /tmp/frozen
    chmod 777 /tmp/frozen
    fsfreeze --freeze /tmp/frozen`);
  assert.equal(code, 0, stderr);
  await viewer.start('whep');
  await viewer.frames(3);
  const [{ pid }] = await guest.cameraHolders();
  await plant({ place: 'camera', step: 'destroy-source', when: 'before', what: 'uninterruptible' });
  const { outcome } = await viewer.stop();
  assert.deepEqual([outcome.cause, outcome.held], [{ kind: 'requested', by: 'viewer' }, ['camera']], JSON.stringify(outcome));
  await plant();
  // It was killed: its other threads have ended, the first one included, and only what sleeps in the kernel still has the node.
  const { stdout } = await guest.run(`
    cut -d' ' -f3 /proc/${pid}/stat /proc/${pid}/task/*/stat
    find /proc/${pid}/task/*/fd -lname /dev/video0 | grep -c .`);
  assert.match(stdout, /^Z\n[ZD]\n[ZD]\n[1-9]\d*\n$/, 'a worker that is dead but for one thread');
  return pid;
}

async function thaw() {
  const { code, stderr } = await guest.run('fsfreeze --unfreeze /tmp/frozen');
  assert.equal(code, 0, stderr);
  await cameraWhen(guest, ({ state }) => state === 'closed');
  await guest.run('umount /tmp/frozen; rm /tmp/disk');
  await sessionWorks('whep');
  await sessionWorks('websocket');
}

async function refusedBecause(reason) {
  const { fault } = await cameraWhen(guest, ({ state }) => state === 'wedged');
  assert.match(fault.detail, reason);
  const { status, problem } = await viewer.attempt('whep');
  assert.deepEqual([status, problem.code], [503, 'camera-wedged']);
  assert.match(problem.detail, reason);
}

// Failure modes: V11.
test('a worker of ours that SIGKILL does not end: named, refused, and free again when it has ended', async () => {
  await refusedBecause(new RegExp(`worker ${await stuck()} does not end`));
  await thaw();
});

// Failure modes: V11.
test('a service that is started anew finds such a worker of the one before', async () => {
  const pid = await stuck();
  await restart();
  await refusedBecause(new RegExp(`a worker of an earlier run, shutter-media \\(pid ${pid}\\)`));
  await thaw();
});
