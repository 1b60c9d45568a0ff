// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Lens covers, privacy keys and wear sensors, as input devices of the kernel's: they end sessions with their cause, refuse starts
// while they are shut, and let the camera open again.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as inputs from './inputs.mjs';
import { KEY, SW, cover, privacy, worn } from './inputs.mjs';
import { api, closed, ended, promised } from './service.mjs';
import { stand } from './stand.mjs';

const { guest, viewer, restart, sessionWorks } = stand();
const plug = (...device) => inputs.plug(guest, ...device);
const put = (...event) => inputs.put(guest, ...event);

/** Resolves when what keeps cameras closed is these reasons. */
async function shut(...reasons) {
  const deadline = Date.now() + 30_000;
  for (let status = await api('status'); ; status = await api(`status?after=${status.serial}`)) {
    if (status.shut.map(({ by }) => by).join() === reasons.join()) return;
    assert.ok(Date.now() < deadline, `${JSON.stringify(status.shut)}\n${await guest.log()}`);
  }
}

async function refused(words) {
  const { status, problem } = await viewer.attempt('whep');
  assert.deepEqual([status, problem?.code], [503, 'camera-shut'], JSON.stringify(problem));
  assert.match(problem.detail, words);
}

/** What becomes of a session while `act` is done. */
async function endsBy(reason, act) {
  const session = await viewer.start('whep');
  await viewer.frames(3);
  const began = performance.now();
  await act();
  const { outcome } = await ended(session);
  const took = performance.now() - began;
  assert.deepEqual([outcome.cause, outcome.held], [{ kind: 'requested', by: reason }, []], JSON.stringify(outcome));
  await closed(guest);
  // The way there and back through the emulated device is in it.
  assert.ok(took < promised, `${took} ms`);
  console.log(`${reason}: ended ${Math.round(took)} ms after the event`);
  await viewer.stop();
}

test('a lens cover that is plugged in later, shut and opened', async () => {
  await plug('cover', `${SW}:${cover}`);
  await endsBy('lens-cover', () => put('cover', SW, cover, 1));
  await refused(/the lens cover is shut/);
  await put('cover', SW, cover, 0);
  await shut();
  await sessionWorks();
});

test('a lens cover that is shut before the service starts: not one start', async () => {
  await put('cover', SW, cover, 1);
  await shut('lens-cover');
  await restart();
  await refused(/the lens cover is shut/);
});

test('a cover that is unplugged stays shut, and opens when it is plugged in open', async () => {
  await inputs.unplug(guest, 'cover');
  await refused(/the lens cover is shut/);
  await plug('cover', `${SW}:${cover}`);
  await shut();
  await sessionWorks();
});

test('a headset that is taken off, with a delay; a privacy key; each with its own word', async () => {
  await plug('board', `${SW}:${worn}`, `${KEY}:${privacy}`);
  await put('board', SW, worn, 1);
  await restart({ change: `
    printf '%s\\n' '[[switch]]' 'name = "temple"' 'means = "worn"' 'event = "SW_TABLET_MODE"' 'delay = "1s"' \\
      '[[switch]]' 'name = "button"' 'means = "privacy"' 'event = "KEY_${privacy}"' 'shut = "toggle"' >> /etc/shutterd/shutterd.toml` });
  await endsBy('doffed', () => put('board', SW, worn, 0));
  await refused(/the headset is not worn/);
  await put('board', SW, worn, 1);
  await shut();

  const press = () => guest.run(`echo '${KEY} ${privacy} 1' > /tmp/board; echo '${KEY} ${privacy} 0' > /tmp/board`);
  await endsBy('privacy-switch', press);
  await refused(/the privacy switch is on/);
  // Both at once: to put one back is not enough.
  await put('board', SW, worn, 0);
  await shut('privacy-switch', 'doffed');
  await press();
  await shut('doffed');
  await refused(/the headset is not worn/);
  await put('board', SW, worn, 1);
  await shut();
  await sessionWorks();
});

test('a headset that is put straight is not taken off', async () => {
  const session = await viewer.start('whep');
  await viewer.frames(3);
  await guest.run(`echo '${SW} ${worn} 0' > /tmp/board; echo '${SW} ${worn} 1' > /tmp/board`);
  // The delay is 1 s: had it been taken for off, the session would have ended by then.
  await viewer.frames(40);
  assert.equal((await api(`sessions/${session}`)).phase, 'running');
  await viewer.stop();
});
