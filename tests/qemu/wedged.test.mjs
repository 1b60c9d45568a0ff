// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The last rungs of the release ladder: a process that keeps the camera when its session has ended. It is named, starts are
// refused, the board's hook frees it, and the fault clears by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cameraWhen } from './service.mjs';
import { stand } from './stand.mjs';

const { guest, viewer, reopen, restart, sessionWorks } = stand();

/** A process of the service's own user opens the node and keeps it, as a child that inherited it would. */
async function holdCamera() {
  const { code, stdout, stderr } = await guest.run(`
    setpriv --reuid shutterd --regid shutterd --init-groups sh -c 'exec 9< /dev/video0; exec sleep 1000' > /dev/null 2>&1 &
    until [ -e /proc/$!/fd/9 ] && grep -qx sleep /proc/$!/comm; do kill -0 $! || exit 1; usleep 20000; done
    echo $!`);
  assert.equal(code, 0, stderr);
  return Number(stdout);
}

/** A session whose camera somebody else has open when it ends. */
async function endsHeld() {
  await viewer.start('whep');
  await viewer.frames(3);
  const holder = await holdCamera();
  const { outcome } = await viewer.stop();
  assert.deepEqual(outcome.held, ['camera']);
  assert.deepEqual(outcome.unclean.map(({ undo }) => undo), ['close-camera']);
  return holder;
}

// Failure modes: V11, V16.
test('a camera that stays held: named, refused, and free again by itself', async () => {
  const holder = await endsHeld();
  const { fault } = await cameraWhen(guest, ({ state }) => state === 'wedged');
  assert.equal(fault.code, 'camera-wedged');
  assert.match(fault.detail, new RegExp(`sleep \\(pid ${holder}\\)`));
  const { status, problem } = await viewer.attempt('whep');
  assert.deepEqual([status, problem.code], [503, 'camera-wedged']);
  assert.match(problem.detail, new RegExp(`sleep \\(pid ${holder}\\)`));
  const { stdout } = await guest.run('shutterctl cameras');
  assert.match(stdout, /wedged.*camera-wedged/);

  await guest.run(`kill ${holder}`);
  await cameraWhen(guest, ({ state }) => state === 'closed');
  await sessionWorks();
});

// Failure modes: V12.
test("the board's hook frees it", async () => {
  await restart({ change: `
    cat > /tmp/hook << 'HOOK'
#!/bin/sh
kill $(echo "$SHUTTERD_HELD_BY" | sed 's/.*pid \\([0-9]*\\).*/\\1/')
echo "$SHUTTERD_CAMERA $SHUTTERD_DEVICE $*" > /tmp/hooked
HOOK
    chmod 755 /tmp/hook
    sed -i 's|^name = "head"|&\\nrecover = ["/tmp/hook", "an argument"]|' /etc/shutterd/shutterd.toml` });
  await endsHeld();
  await cameraWhen(guest, ({ state }) => state === 'closed');
  assert.equal((await guest.run('cat /tmp/hooked')).stdout, 'head /dev/video0 an argument\n');
  await sessionWorks();
});

// Failure modes: V11.
test('a service that ends with a camera it could not release says so by its exit code', async () => {
  await guest.run(`
    sed -i '/^recover/d' /etc/shutterd/shutterd.toml
    /usr/lib/testbed/service stop
    (setpriv --reuid shutterd --regid shutterd --init-groups env -i PATH=/usr/bin GST_REGISTRY_1_0=/var/cache/gstreamer/registry.bin \
      sh -c 'echo $$ > /tmp/pid; exec shutterd' > /tmp/log 2>&1; echo $? > /tmp/exit) > /dev/null 2>&1 &`);
  await reopen();
  const holder = await endsHeld();
  const { code, stdout } = await guest.run(`
    kill -TERM $(cat /tmp/pid)
    until [ -s /tmp/exit ]; do usleep 20000; done
    cat /tmp/exit; kill ${holder}`);
  assert.deepEqual([code, stdout], [0, '69\n'], (await guest.run('cat /tmp/log')).stdout);
});
