// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The shutter promise on a device: a real kernel, a camera node, an unprivileged service and a browser across a network.
// Who holds the camera is what the kernel says under /proc, not what the service says.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launchChromium } from './chromium.mjs';
import { Guest, address, cameraHolders } from './guest.mjs';

const origin = `http://${address}:8787`;
const guest = new Guest();
let browser;

before(async () => {
  await guest.boot();
  // "Ready" is the first answer over the network that a viewer uses.
  const ready = await guest.run(`until wget -q -O /dev/null ${origin}/healthz; do usleep 50000; done`, { milliseconds: 60_000 });
  assert.equal(ready.code, 0, `shutterd does not answer; its log:\n${await guest.log()}`);
  browser = await launchChromium();
});
after(async () => {
  await browser?.close();
  await guest.stop();
});

/** Opens a page that watches the camera by WHEP; resolves when ten pictures have been shown. */
async function watch({ milliseconds = 30_000 } = {}) {
  const page = await browser.newPage();
  await page.goto(origin);
  const seen = await page.evaluate(async (deadline) => {
    const peer = new RTCPeerConnection();
    peer.addTransceiver('video', { direction: 'recvonly' });
    const video = document.createElement('video');
    video.muted = true;
    document.body.append(video);
    const shown = new Promise((resolve) => {
      peer.ontrack = ({ track }) => {
        let pictures = 0;
        const count = () => (++pictures === 10 ? resolve(true) : video.requestVideoFrameCallback(count));
        video.requestVideoFrameCallback(count);
        video.srcObject = new MediaStream([track]);
        video.play();
      };
    });
    await peer.setLocalDescription();
    await new Promise((resolve) => {
      const check = () => peer.iceGatheringState === 'complete' && resolve();
      peer.onicegatheringstatechange = check;
      check();
    });
    const answer = await fetch('/whep/head', {
      method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: peer.localDescription.sdp,
    });
    if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    globalThis.peer = peer;
    const late = new Promise((resolve) => { setTimeout(resolve, deadline, false); });
    return {
      pictures: await Promise.race([shown, late]),
      location: answer.headers.get('Location'),
      state: `ice ${peer.iceConnectionState}, dtls ${peer.connectionState}`,
      descriptions: `${peer.localDescription.sdp}\n${peer.remoteDescription.sdp}`,
    };
  }, milliseconds);
  assert.ok(seen.pictures, `no picture within ${milliseconds} ms: ${seen.state}\n${seen.descriptions}\n${await guest.log()}`);
  return { page, location: seen.location };
}

/** Waits in the device until nobody holds the camera, and gives back how long that took. */
async function closed(milliseconds = 20_000) {
  const began = performance.now();
  const { code } = await guest.run(`while [ -n "$(${cameraHolders()})" ]; do usleep 20000; done`, { milliseconds });
  assert.equal(code, 0, `the camera is still held by ${JSON.stringify(await guest.cameraHolders())}; log:\n${await guest.log()}`);
  return Math.round(performance.now() - began);
}

test('the service runs as a user of its own and holds no camera', async () => {
  const { stdout } = await guest.run('stat -c %U "/proc/$(/usr/lib/testbed/service status)"');
  assert.equal(stdout, 'shutterd\n', await guest.log());
  assert.deepEqual(await guest.cameraHolders(), []);
});

test('a viewer sees the camera, one worker holds it, and DELETE closes it', async () => {
  const { page, location } = await watch();
  const held = await guest.cameraHolders();
  assert.equal(held.length, 1, JSON.stringify(held));
  assert.equal(held[0].user, 'shutterd');
  assert.match(held[0].command, /shutter-media/);
  const status = await page.evaluate(async (path) => (await fetch(path, { method: 'DELETE' })).status, location);
  assert.ok(status >= 200 && status < 300, `DELETE answered ${status}`);
  console.log(`DELETE to closed, as seen from outside: ${await closed()} ms`);
  await page.close();
});

test('a viewer that vanishes without a word does not keep the camera open', async () => {
  const { page } = await watch();
  await page.close();
  console.log(`viewer gone to closed: ${await closed(60_000)} ms`);
});

test('a session starts again after that', async () => {
  const { page } = await watch();
  await page.close();
  await closed(60_000);
});
