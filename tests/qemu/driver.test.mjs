// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The driver's own faults, injected by vivid: an unplugged camera, streams that break or fall silent, calls that fail. Those who
// watch stay; a start that fails says why; and each time the camera is closed in the end and the next session starts.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { api, cameraWhen, ended, foreignOpen } from './service.mjs';
import { stand } from './stand.mjs';

// The calls of a session are thousands of lines.
const kernelLog = 4 << 20;
const { guest, viewer, restart, sessionWorks } = stand({ append: [`log_buf_len=${kernelLog}`] });

const inject = (control, value = 1) => guest.run(`v4l2-ctl -d /dev/video0 -c ${control}=${value}`).then(({ code, stderr }) =>
  assert.equal(code, 0, `${control}: ${stderr}`));

const bind = (how) => guest.run(`echo vivid.0 > /sys/bus/platform/drivers/vivid/${how}`).then(({ code, stderr }) =>
  assert.equal(code, 0, `${how}: ${stderr}`));

const lost = () => cameraWhen(guest, ({ state, fault }) => state === 'opening' && fault);

/** The picture goes on in the same session; a stop closes the camera, and anybody may open it. */
async function goesOn(session) {
  await viewer.frames(10, { since: 'now', milliseconds: 40_000 });
  const { fault } = await cameraWhen(guest, ({ state }) => state === 'open');
  assert.equal(fault, undefined);
  assert.equal((await api(`sessions/${session}`)).phase, 'running');
  const { outcome } = await viewer.stop();
  assert.deepEqual([outcome.cause, outcome.held], [{ kind: 'requested', by: 'viewer' }, []]);
  assert.deepEqual(await guest.cameraHolders(), []);
  await foreignOpen(guest);
}

const watching = async (role = 'whep') => {
  const session = await viewer.start(role);
  await viewer.frames(5);
  return session;
};

for (const role of ['whep', 'websocket']) {
  test(`unplugged while watched, ${role}: the viewer stays, and sees the picture when it is plugged in again`, async () => {
    const session = await watching(role);
    await bind('unbind');
    const { fault } = await lost();
    await cameraWhen(guest, ({ fault: now }) => now?.code === 'camera-missing');
    console.log(`unplugged: ${fault.code}: ${fault.detail}`);
    await bind('bind');
    await goesOn(session);
  });
}

test('a fatal streaming error: opened again', async () => {
  const session = await watching();
  await inject('inject_fatal_streaming_error');
  const { fault } = await lost();
  assert.equal(fault.code, 'camera-error', JSON.stringify(fault));
  await goesOn(session);
});

test('a camera that falls silent: noticed, and opened again', async () => {
  const session = await watching();
  await inject('percentage_of_dropped_buffers', 100);
  const { fault } = await lost();
  assert.equal(fault.code, 'no-frames', JSON.stringify(fault));
  await inject('percentage_of_dropped_buffers', 0);
  await goesOn(session);
});

test('a buffer that cannot be queued is lost, and nothing else', async () => {
  const session = await watching();
  await inject('inject_vidioc_qbuf_error');
  await goesOn(session);
});

for (const [control, what] of [['inject_vidioc_streamon_error', 'STREAMON'], ['inject_vidioc_reqbufs_error', 'REQBUFS']]) {
  // Failure modes: V18.
  test(`${what} fails at the start: said, closed, and the next session starts`, async () => {
    await inject(control);
    const { status, problem } = await viewer.attempt('whep');
    // The camera starts beside the negotiation: the viewer may have been answered before.
    const { sessions } = await api('status');
    const { outcome: { cause } } = await ended(sessions.at(-1).id);
    assert.deepEqual([cause.kind, cause.step], ['start-failed', 'create-source'], JSON.stringify(cause));
    assert.match(cause.fault.code, /^camera-/);
    if (status) assert.deepEqual([status, problem.code], [503, cause.fault.code]);
    assert.deepEqual(await guest.cameraHolders(), []);
    await goesOn(await watching());
  });
}

test('unplugged while nobody watches: refused with the reason, until it is there again', async () => {
  await bind('unbind');
  const { status, problem } = await viewer.attempt('whep');
  assert.deepEqual([status, problem.code], [503, 'camera-missing']);
  await bind('bind');
  await goesOn(await watching());
});

// Failure modes: V3.
test('a driver that wants its buffers back before they are freed gets them', async () => {
  await restart({ variables: 'GST_V4L2_FORCE_DRAIN=1' });
  for (const role of ['whep', 'websocket']) {
    await watching(role);
    const { outcome } = await viewer.stop();
    const kept = outcome.unclean.filter(({ undo }) => undo === 'await-capture-stopped');
    assert.deepEqual([kept, outcome.held], [[], []], JSON.stringify(outcome));
    assert.deepEqual(await guest.cameraHolders(), []);
    await foreignOpen(guest);
  }
});

// Failure modes: V6.
test('one session opens the node once, starts its stream once and stops it once, and calls nothing after that', async () => {
  await restart();
  const debug = '/sys/class/video4linux/video0/dev_debug';
  await guest.run(`dmesg -c > /dev/null; echo 0x5 > ${debug}`); // opens, closes and calls, but not those of each buffer
  await sessionWorks();
  const { stdout } = await guest.run(`echo 0 > ${debug}; dmesg -s ${kernelLog} | grep video0:`);
  const calls = stdout.trim().split('\n').map((line) => /video0: (?:VIDIOC_)?(\w+)/.exec(line)[1]);
  // Whoever loads GStreamer's plugin asks each node what it is: the worker that opens the camera does, and no spare.
  assert.equal(calls.join(' ').match(/\bopen QUERYCAP release\b/g)?.length, 1, calls.join(' '));
  const ours = calls.join(' ').replaceAll(/\bopen QUERYCAP release ?/g, '').replaceAll(/\b(?:ENUM\w+ )+/g, 'ENUM ');
  const look = 'open QUERYCAP REQBUFS release';
  const session = new RegExp(`^(?:${look} )+open (.*) STREAMON (.*) STREAMOFF REQBUFS release(?: ${look})+$`).exec(ours);
  assert.ok(session, ours);
  assert.doesNotMatch(session[1] + session[2], /open|release|STREAMO/);
  assert.doesNotMatch(session[2], /S_FMT|S_PARM|REQBUFS/, 'nothing is set up anew while it streams');
});
