// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the release oracle sees on a device beside the node's holders: a privacy LED, processes of other users, a worker whose
// service is gone. Nothing in this kernel ties an LED to the camera: the test is the driver that switches it, or forgets to.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { leds } from './guest.mjs';
import { api, ended } from './service.mjs';
import { stand } from './stand.mjs';

const led = 'camera:green:privacy';
const brightness = `/sys/class/leds/${led}/brightness`;
const { guest, viewer, restart, sessionWorks } = stand({ qemu: leds }, async (device) => {
  const { code, stderr } = await device.run(`modprobe leds-gpio; until [ -e ${brightness} ]; do usleep 20000; done`);
  assert.equal(code, 0, stderr);
});

const light = (value) => guest.run(`echo ${value} > ${brightness}`);

/** Starts the service anew with `setting` as its camera's LED; resolves with its first look at the camera. */
async function firstLook(setting) {
  await restart({ change: `
    sed -i -e '/^led = /d' -e '/^device = /a ${setting}' /etc/shutterd/shutterd.toml
    : > /var/log/shutterd.log` });
  for (let status = await api('status'); ; status = await api(`status?after=${status.serial}`)) {
    const [{ observed }] = status.cameras;
    if (observed) return observed;
  }
}

/** Resolves when the service has said so: it does after the look. */
async function logged(words) {
  const { code } = await guest.run(`until grep -q '${words}' /var/log/shutterd.log; do usleep 20000; done`);
  assert.equal(code, 0, await guest.log());
}

test('a camera is closed as far as the service may see, and the log says what would show all', async () => {
  const observed = await firstLook(`led = "${led}"`);
  assert.equal(observed.verdict, 'closed-as-seen', JSON.stringify(observed));
  assert.equal(observed.driver, 'free');
  assert.ok(observed.hidden.processes > 0 && !observed.hidden.unlisted, JSON.stringify(observed.hidden));
  // The service may not write the LED's file: who switches it cannot be told.
  assert.deepEqual(observed.led, { name: led, found: 'configured', brightness: 0, owner: 'unknown' });
  await logged('CAP_SYS_PTRACE');
  const told = (await guest.log()).match(/CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH/g);
  assert.equal(told?.length, 1, await guest.log());
  await sessionWorks();
});

test('a light that is on before the start: refused, with the LED as the reason', async () => {
  await light(1);
  const { status, problem } = await viewer.attempt('whep');
  await light(0);
  assert.deepEqual([status, problem?.code], [503, 'camera-busy'], JSON.stringify(problem));
  assert.match(problem.detail, new RegExp(`LED .${led}. is on`));
  await sessionWorks();
});

// Failure modes: V18.
test('a light that stays on after the stop: not released, until it goes out', async () => {
  const session = await viewer.start('whep');
  await viewer.frames(3);
  await light(1);
  await viewer.stop();
  const { outcome } = await ended(session);
  assert.deepEqual(outcome.held, ['camera'], JSON.stringify(outcome));
  const [camera] = (await api('cameras')).cameras;
  assert.deepEqual([camera.state, camera.fault?.code, camera.observed.verdict], ['wedged', 'camera-wedged', 'lit'], JSON.stringify(camera));
  assert.match(camera.fault.detail, new RegExp(`LED .${led}. is on`));
  assert.deepEqual(await guest.cameraHolders(), [], 'the worker is gone all the same');
  await light(0);
  await sessionWorks();
});

// Failure modes: V17.
test('a light that programs may switch is shown, and proves nothing', async () => {
  await guest.run(`chgrp shutterd ${brightness}; chmod g+w ${brightness}`);
  assert.equal((await firstLook(`led = "${led}"`)).led.owner, 'userspace');
  await logged('programs may switch this LED');
  await light(1);
  await sessionWorks();
  assert.equal((await api('cameras')).cameras[0].observed.led.brightness, 1);
  await light(0);
  await guest.run(`chmod g-w ${brightness}`);
});

// Failure modes: V17.
test('a light that a driver owns: no program can switch it, and while it is on the camera is not released', async () => {
  const owned = 'sensor:white:indicator';
  const files = `/sys/class/leds/${owned}`;
  const { code, stderr } = await guest.run(`
    modprobe led_bl
    until [ -e /sys/class/backlight/sensor/brightness ]; do usleep 20000; done
    chgrp shutterd ${files}/brightness
    chmod g+w ${files}/brightness`);
  assert.equal(code, 0, stderr);
  const stream = (on) => guest.run(`echo ${on} > /sys/class/backlight/sensor/brightness; cat ${files}/brightness`);
  const written = await guest.run(`echo 1 | dd of=${files}/brightness`);
  assert.match(written.stderr, /busy/, 'not even root may');

  assert.deepEqual((await firstLook(`led = "${owned}"`)).led, { name: owned, found: 'configured', brightness: 0, owner: 'kernel' });
  const session = await viewer.start('whep');
  await viewer.frames(3);
  assert.equal((await stream(1)).stdout.trim(), '1');
  await viewer.stop();
  assert.deepEqual((await ended(session)).outcome.held, ['camera']);
  assert.equal((await api('cameras')).cameras[0].observed.verdict, 'lit');
  assert.equal((await stream(0)).stdout.trim(), '0');
  await sessionWorks();
  assert.deepEqual((await api('cameras')).cameras[0].observed.led, { name: owned, found: 'configured', brightness: 0, owner: 'kernel' });
});

// Failure modes: V17.
test('by itself the service takes the only light that says privacy', async () => {
  const { led: seen } = await firstLook('led = "auto"');
  assert.deepEqual([seen?.name, seen?.found], [led, 'named']);
});

test('a worker of an earlier run that does not end by itself is ended, and the camera observed closed', async () => {
  await viewer.start('whep');
  await viewer.frames(3);
  const [{ pid }] = await guest.cameraHolders();
  // A worker that is stopped cannot see that its service has gone.
  const { code, stderr } = await guest.run(`
    kill -STOP ${pid}
    service=$(/usr/lib/testbed/service status)
    kill -9 $service
    while kill -0 $service 2>/dev/null; do usleep 20000; done`);
  assert.equal(code, 0, stderr);
  const observed = await firstLook('led = "none"');
  assert.match(observed.verdict, /^closed/, JSON.stringify(observed));
  assert.equal((await guest.run(`test -e /proc/${pid}`)).code, 1, 'it has ended');
  await sessionWorks();
});
