// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What goes wrong on a device: a camera that another program has, a worker or the whole service killed. Each time the camera
// must be closed in the end, and the next session must start.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { api, closed, ended, idle, processes, processesWhen } from './service.mjs';
import { stand } from './stand.mjs';

const { guest, viewer, restart, sessionWorks } = stand();

/** Runs `command` in the device in the background until `holding` says (as a shell condition) that it has the camera. */
async function holdCamera(command, holding) {
  const { code, stdout, stderr } = await guest.run(`
    rm -f /tmp/holder
    ${command} > /tmp/holder 2>&1 &
    until ${holding}; do kill -0 $! || { cat /tmp/holder; exit 1; }; usleep 20000; done
    echo $!`);
  assert.equal(code, 0, `nobody holds the camera: ${stdout}${stderr}`);
  return Number(stdout);
}

/** What the device says to somebody who wants the camera while `pid` has it. */
async function refusal(role, pid) {
  try {
    const { status, problem, outcome } = await viewer.attempt(role);
    // With WebSocket the session begins, and ends at its second step.
    return outcome ? outcome.cause.fault : { status, ...problem };
  } finally {
    await guest.run(`kill ${pid}; while [ -e /proc/${pid} ]; do usleep 20000; done`);
  }
}

for (const role of ['whep', 'websocket']) {
  // Failure modes: V5.
  test(`a camera that another program has is refused by that program's name, ${role}`, async () => {
    // Of the service's own user, so that the service may see its descriptors; it streams nothing.
    const pid = await holdCamera(
      "setpriv --reuid shutterd --regid shutterd --init-groups sh -c 'exec 9< /dev/video0; exec sleep 1000'",
      '[ -e /proc/$!/fd/9 ] && grep -qx sleep /proc/$!/comm');
    const { status, code, detail } = await refusal(role, pid);
    assert.deepEqual([status, code], [role === 'whep' ? 503 : undefined, 'camera-busy'], detail);
    assert.match(detail, new RegExp(`sleep \\(pid ${pid}\\)`));
    await sessionWorks(role);
  });
}

// Failure modes: V4.
test('a camera that streams to another user is refused, though its holder cannot be named', async () => {
  // It writes a mark to its output for each picture.
  const pid = await holdCamera('v4l2-ctl -d /dev/video0 --stream-mmap --stream-to=/dev/null', '[ -s /tmp/holder ]');
  const { status, code, detail } = await refusal('whep', pid);
  assert.deepEqual([status, code], [503, 'camera-busy'], detail);
  assert.match(detail, /held by a process of another user/);
  await sessionWorks();
});

test('the camera worker killed: its viewer stays, and sees the picture again from another worker', async () => {
  await viewer.start('websocket');
  await viewer.frames(3);
  const [holder] = await guest.cameraHolders();
  await guest.run(`kill -9 ${holder.pid}`);
  await viewer.frames(10, { since: 'now' });
  const [other, ...more] = await guest.cameraHolders();
  assert.deepEqual([other.pid === holder.pid, more], [false, []]);
  const { outcome } = await viewer.stop();
  assert.deepEqual([outcome.cause, outcome.held], [{ kind: 'requested', by: 'viewer' }, []]);
  assert.deepEqual(await guest.cameraHolders(), []);
});

// Failure modes: V2.
test('the peer worker killed: the session ends as lost, the camera is closed, the next session starts', async () => {
  const spares = (await processesWhen(guest, idle)).map(({ pid }) => pid);
  const session = await viewer.start('whep');
  await viewer.frames(3);
  // The session took the spare.
  const peer = (await processes(guest)).find(({ name, pid }) => name === 'peer' && spares.includes(pid));
  await guest.run(`kill -9 ${peer.pid}`);
  const { outcome } = await ended(session);
  assert.deepEqual([outcome.cause.kind, outcome.cause.fault?.code], ['lost', 'worker-gone'], JSON.stringify(outcome));
  assert.deepEqual(await guest.cameraHolders(), []);
  await sessionWorks();
});

test('the service killed: the camera is closed within a second, and a new service finds a clean device', async () => {
  await viewer.start('whep');
  await viewer.frames(3);
  const [holder] = await guest.cameraHolders();
  const before = await processes(guest);
  // Builtins only: the holder's own descriptor is looked at, so that the loop is as fast as the device allows.
  const { code, stdout, stderr } = await guest.run(`
    for fd in /proc/${holder.pid}/fd/*; do [ "$(readlink $fd)" = /dev/video0 ] && break; done
    [ -L $fd ] || exit 1
    service=$(/usr/lib/testbed/service status)
    read -r began _ < /proc/uptime
    kill -9 $service
    while [ -L $fd ]; do :; done
    read -r now _ < /proc/uptime
    echo $began $now`);
  assert.equal(code, 0, stderr);
  const [began, now] = stdout.trim().split(' ').map(Number);
  console.log(`kill -9 to closed, in the device: ${Math.round((now - began) * 1000)} ms`);
  assert.ok(now - began <= 1, `the camera was closed ${now - began} s after the service was killed`);
  await closed(guest, 1000);
  // Nothing that the service started outlives it.
  await processesWhen(guest, (list) => list.length === 0, 5000);

  await restart();
  const { sessions, cameras } = await api('status');
  assert.deepEqual([sessions, cameras[0].state], [[], 'closed']);
  const fresh = await processesWhen(guest, idle);
  assert.ok(fresh.every(({ pid }) => !before.some((old) => old.pid === pid)));
  await sessionWorks('whep');
  await sessionWorks('websocket');
});
