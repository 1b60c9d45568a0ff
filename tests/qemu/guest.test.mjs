// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The test bed itself: what the tests of the product take for granted about the device, shown without the product.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launchChromium } from './chromium.mjs';
import { Guest, address, cameraHolders } from './guest.mjs';

const asService = 'setpriv --reuid shutterd --regid shutterd --init-groups';
const encode = 'gst-launch-1.0 v4l2src num-buffers=30 ! video/x-raw,width=320,height=180 ! videoconvert ' +
  '! x264enc tune=zerolatency speed-preset=ultrafast ! fakesink';
const guest = new Guest();

before(async () => {
  const began = performance.now();
  await guest.boot();
  console.log(`boot to first answer: ${Math.round(performance.now() - began)} ms`);
});
after(() => guest.stop());

test('a script gives back its exit code and both outputs, byte for byte', async () => {
  const answer = await guest.run(`printf 'out'; printf 'err' >&2; exit 7`);
  assert.deepEqual([answer.code, answer.stdout, answer.stderr], [7, 'out', 'err']);

  const { output } = await guest.run(`i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %03o $i)"; i=$((i+1)); done`);
  assert.deepEqual([...output], Array.from({ length: 256 }, (_, byte) => byte));
});

test('a script that hangs is killed at its limit, with what it started', async () => {
  const sleepers = `ps -o args | grep -c '^sleep 4242'`;
  const hanging = guest.run('sleep 4242 & sleep 4242', { milliseconds: 2000 });
  const { stdout } = await guest.run(`until [ "$(${sleepers})" = 2 ]; do usleep 20000; done; ${sleepers}`);
  assert.equal(stdout, '2\n');
  assert.equal((await hanging).code, 137);
  assert.equal((await guest.run(sleepers)).stdout, '0\n');
});

test('calls overlap', async () => {
  const began = performance.now();
  await Promise.all(Array.from({ length: 4 }, () => guest.run('sleep 1')));
  assert.ok(performance.now() - began < 3500, 'four calls of a second each ran one after the other');
});

test('the service user captures and encodes', async () => {
  const answer = await guest.run(`cd / && ${asService} ${encode}`, { milliseconds: 60_000 });
  assert.equal(answer.code, 0, answer.stderr);
  assert.match(answer.stdout, /Got EOS/);
});

// The ciphers are loaded by name at run time: the one part of the image that its own build cannot check.
test('media can be encrypted', async () => {
  const answer = await guest.run('gst-launch-1.0 audiotestsrc num-buffers=5 ! opusenc ! rtpopuspay ' +
    `! srtpenc key=${'0123456789'.repeat(6)} ! fakesink`, { milliseconds: 60_000 });
  assert.equal(answer.code, 0, answer.stderr);
  assert.match(answer.stdout, /Got EOS/);
});

test('who holds the camera can be seen, and that nobody does', async () => {
  assert.deepEqual(await guest.cameraHolders(), []);
  const { stdout } = await guest.run(`
    gst-launch-1.0 -q v4l2src ! fakesink > /dev/null 2>&1 & echo $!
    until [ -n "$(${cameraHolders()})" ]; do usleep 20000; done`, { milliseconds: 60_000 });
  const player = Number(stdout);
  const command = 'gst-launch-1.0 -q v4l2src ! fakesink';
  assert.deepEqual(await guest.cameraHolders(), [{ pid: player, user: 'root', command }]);
  await guest.run(`kill ${player}; while kill -0 ${player} 2>/dev/null; do usleep 20000; done`);
  assert.deepEqual(await guest.cameraHolders(), []);
});

test('a camera that is unplugged and comes back has its group again', async () => {
  const { stdout } = await guest.run(`
    echo vivid.0 > /sys/bus/platform/drivers/vivid/unbind
    [ ! -e /dev/video0 ] && echo gone
    echo vivid.0 > /sys/bus/platform/drivers/vivid/bind
    until [ "$(stat -c %U:%G:%a /dev/video0 2>/dev/null)" = root:video:660 ]; do usleep 20000; done
    echo back`);
  assert.equal(stdout, 'gone\nback\n');
});

test('the product sees one network card and no way out', async () => {
  const { stdout } = await guest.run(`ip -br link | cut -d' ' -f1; ip route`);
  assert.match(stdout, /^lo\neth0\n10\.77\.0\.0\/24 dev eth0 .*\n$/);
});

test('the device can lose its network and still be asked', async () => {
  await guest.run('ip link set eth0 down');
  assert.match((await guest.run('ip -br link show eth0')).stdout, /^eth0 +DOWN/);
  await guest.run('ip link set eth0 up');
});

test('a browser reaches the device', async () => {
  await guest.run('mkdir -p /tmp/page && echo "<title>from the device</title>" > /tmp/page/index.html && httpd -p 8080 -h /tmp/page');
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`http://${address}:8080/`);
    assert.equal(await page.title(), 'from the device');
  } finally {
    await browser.close();
  }
});
