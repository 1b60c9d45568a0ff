// SPDX-License-Identifier: MIT OR Apache-2.0
//
// `shutterctl pipelines check --run` with a kernel's camera: each step of each pipeline, and the camera closed afterwards; and whoever
// has the camera is left alone and named, the service too.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { checkRun, table } from './check.mjs';
import { Guest } from './guest.mjs';
import { bootService, cameraWhen, foreignOpen, origin } from './service.mjs';

const guest = new Guest();
before(() => bootService(guest));
after(() => guest.stop());

const resultOf = ({ steps }, name) => steps.find(({ step }) => step === name).result;

async function allRan() {
  const { code, tried } = await checkRun(guest);
  for (const one of tried) console.log(table(one));
  assert.deepEqual([code, tried.map(({ codec, ran, troubles }) => [codec, ran, troubles])],
    [0, [['h264', true, []], ['vp8', true, []]]], JSON.stringify(tried));
  for (const one of tried) {
    for (const step of ['open-camera', 'create-source', 'create-stream', 'create-offer', 'destroy-source', 'await-capture-stopped', 'close-camera']) {
      assert.equal(resultOf(one, step), 'done', step);
    }
    assert.equal(one.observed.verdict, 'closed');
  }
  assert.deepEqual(await guest.cameraHolders(), []);
  await foreignOpen(guest);
}

test('every step of both pipelines, and the camera is closed and free', allRan);

test('a camera that another program has is refused by that program\'s name', async () => {
  const { code, stdout } = await guest.run(`
    sh -c 'exec 9< /dev/video0; exec sleep 1000' > /dev/null 2>&1 & holder=$!
    until [ -e /proc/$holder/fd/9 ] && grep -qx sleep /proc/$holder/comm; do usleep 20000; done
    echo $holder`);
  assert.equal(code, 0);
  const pid = Number(stdout);
  try {
    const { code, tried: [{ troubles, steps, outcome }] } = await checkRun(guest, '--codec h264');
    assert.deepEqual([code, troubles.map(({ code }) => code), outcome.cause.step], [1, ['camera-busy'], 'open-camera'], JSON.stringify(troubles));
    assert.match(troubles[0].detail, new RegExp(`sleep \\(pid ${pid}\\)`));
    assert.equal(resultOf({ steps }, 'create-source'), null);
  } finally {
    await guest.run(`kill ${pid}; while [ -e /proc/${pid} ]; do usleep 20000; done`);
  }
  await foreignOpen(guest);
});

test('the service is left alone with its camera, and the check runs when it has closed', async () => {
  const offer = readFileSync(new URL('../media/browser-offer.sdp', import.meta.url), 'utf8');
  const answer = await fetch(`${origin}/whep/head`, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: offer });
  assert.equal(answer.status, 201, await answer.text());
  await cameraWhen(guest, ({ state }) => state === 'open');
  const { code, tried } = await checkRun(guest);
  assert.equal(code, 1);
  for (const { troubles, steps } of tried) {
    assert.deepEqual(troubles.map((one) => one.code), ['camera-busy'], JSON.stringify(troubles));
    assert.match(troubles[0].detail, /is the service's camera head, which is open \(viewers: 1\)/);
    assert.ok(steps.every(({ result }) => result === null), 'nothing was begun');
  }
  assert.equal((await guest.cameraHolders())[0].user, 'shutterd');
  const ended = await fetch(new URL(answer.headers.get('Location'), origin), { method: 'DELETE' });
  assert.equal(ended.status, 200);

  await cameraWhen(guest, ({ state }) => state === 'closed');
  await allRan();
});
