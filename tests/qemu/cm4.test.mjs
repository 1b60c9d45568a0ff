// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The service with a board whose encoder is a driver's: what the board file of the Raspberry Pi CM4 says, word for word, with the
// device's own camera and encoder (encoder/). Such an encoder is one more node that must be closed when a session has ended.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { checkRun, table } from './check.mjs';
import { atRest, forget, loadEncoder, noFaults, random, recorded, seed, shell } from './encoder.mjs';
import { api, cameraWhen, closingTime, ended, foreignOpen, promised } from './service.mjs';
import { stand } from './stand.mjs';

const board = 'raspberry-pi-cm4';
const config = '/etc/shutterd/shutterd.toml';
const bitrate = 1_500_000;
let node;

const { guest, viewer, another, restart } = stand({}, async (guest) => {
  // Its look for GStreamer's plugins would otherwise meet the driver half-way, and write down that there is no such encoder.
  await guest.run('/usr/lib/testbed/service stop');
  node = await loadEncoder(guest);
  const { code, stderr } = await guest.run(`
    set -e
    sed -i -e 's/v4l2-software/${board}/' -e '/^framerate/ a bitrate = ${bitrate}' ${config}
    /usr/lib/testbed/service start
    until wget -q -O /dev/null http://10.77.0.2:8787/healthz; do usleep 50000; done`, { milliseconds: 90_000 });
  assert.equal(code, 0, stderr);
});

afterEach(() => noFaults(guest));

/** Neither camera nor encoder is in anybody's hands, and both are there for others. */
async function closed() {
  assert.deepEqual(await guest.cameraHolders(), []);
  await atRest(guest, node);
  await foreignOpen(guest);
}

async function stopped(session) {
  const { outcome } = await viewer.stop();
  assert.deepEqual([outcome.cause, outcome.held], [{ kind: 'requested', by: 'viewer' }, []], JSON.stringify(outcome));
  assert.deepEqual(outcome.unclean.filter(({ why }) => why !== 'late'), [], JSON.stringify(outcome));
  await closed();
  const took = await closingTime(session);
  assert.ok(took <= promised, `closed after ${took} ms`);
}

test('`shutterctl pipelines check --run` has the encoder run, and both closed', async () => {
  await forget(guest);
  const { code, tried } = await checkRun(guest);
  console.log(table(tried[0]));
  assert.deepEqual([code, tried.map(({ codec, ran, troubles }) => [codec, ran, troubles])], [0, [['h264', true, []]]], JSON.stringify(tried));
  const { note } = tried[0].steps.find(({ step }) => step === 'create-stream');
  assert.match(note, /^video\/x-h264 .*320 180$/);
  const { pictures, rates } = await recorded(guest);
  assert.ok(pictures > 0);
  assert.deepEqual(rates[0], { picture: 0, bitrate });
  await closed();
});

for (const role of ['whep', 'websocket']) {
  test(`${role}: a browser sees the driver's pictures, and the end closes camera and encoder`, async () => {
    await forget(guest);
    const session = await viewer.start(role);
    await viewer.frames(20);
    const picture = await viewer.picture();
    assert.deepEqual([picture.width, picture.height, picture.codec.toLowerCase()], [320, 180, 'video/h264']);
    assert.ok(picture.colours >= 6, `${picture.colours} colours of vivid's bars`);
    const holders = await guest.cameraHolders(node);
    assert.ok(holders.length > 0 && holders.every(({ user }) => user === 'shutterd'), JSON.stringify(holders));
    const during = await recorded(guest);
    assert.deepEqual([during.streaming_output, during.streaming_capture], [1, 1]);
    assert.ok(during.pictures >= 20 && during.outstanding > 0, JSON.stringify(during));
    assert.deepEqual(during.rates[0], { picture: 0, bitrate }, 'what the configuration says, before the first report of the path');
    assert.ok(during.rates.every((one) => one.bitrate <= bitrate), JSON.stringify(during.rates));
    await stopped(session);
  });
}

test('a viewer who joins has a keyframe made for it', async () => {
  const session = await viewer.start('whep');
  await viewer.frames(20);
  // The first keyframe is too old by now to begin with.
  const { forced, keyframes } = await recorded(guest);
  const second = await another();
  await second.start('websocket');
  await second.frames(5);
  const then = await recorded(guest);
  assert.ok(then.forced > forced && then.keyframes > keyframes, JSON.stringify([{ forced, keyframes }, then]));
  await second.stop();
  await second.close();
  await stopped(session);
});

test('a narrow path makes the bit rate of the driver smaller while it runs', async () => {
  await forget(guest);
  const session = await viewer.start('whep');
  await viewer.frames(50);
  const { rates: wide } = await recorded(guest);
  const { code, stderr } = await guest.run('tc qdisc add dev eth0 root netem rate 200kbit limit 20');
  assert.equal(code, 0, stderr);
  try {
    await guest.run(`${shell}
      until [ "$(record bitrate | sed -n '$ s/.* //p')" -lt 200000 ]; do usleep 20000; done`, { milliseconds: 60_000 });
  } finally {
    await guest.run('tc qdisc del dev eth0 root');
  }
  const { rates } = await recorded(guest);
  const narrow = rates.slice(wide.length);
  console.log(`picture and rate: ${rates.map((one) => `${one.picture} ${one.bitrate}`).join(', ')}; the first ${wide.length} on a wide path`);
  assert.ok(wide.every((one) => one.bitrate >= 200_000), 'it is the path that makes it so small');
  assert.ok(narrow.some((one) => one.picture > 0 && one.bitrate < 200_000));
  await stopped(session);
});

test('a board file may pass the camera\'s own memory to the encoder: no picture is copied, and all of it is given back', async () => {
  const file = `/usr/share/shutterd/pipelines/${board}.toml`;
  const edited = (from, to) => `sed -i -e 's/v4l2src${from} name=camera/v4l2src${to} name=camera/' \
    -e 's/v4l2h264enc${from && ' output-io-mode=dmabuf-import'} name/v4l2h264enc${to && ' output-io-mode=dmabuf-import'} name/' ${file}`;
  assert.equal((await recorded(guest)).imported, 0);
  await restart({ change: edited('', ' io-mode=dmabuf') });
  try {
    await forget(guest);
    const session = await viewer.start('whep');
    await viewer.frames(20);
    const picture = await viewer.picture();
    assert.ok(picture.colours >= 6, `${picture.colours} colours of vivid's bars`);
    const { pictures, imported } = await recorded(guest);
    assert.ok(pictures >= 20 && imported === pictures, `${imported} of ${pictures} pictures were the camera's own memory`);
    await stopped(session);
  } finally {
    await restart({ change: edited(' io-mode=dmabuf', '') });
  }
});

test('an encoder that falls silent: noticed, and opened again', async () => {
  const session = await viewer.start('whep');
  await viewer.frames(5);
  await guest.run(`${shell}\nfault stall 1`);
  const { fault } = await cameraWhen(guest, ({ state, fault: now }) => state === 'opening' && now);
  assert.equal(fault.code, 'no-frames', JSON.stringify(fault));
  await guest.run(`${shell}\nfault stall 0`);
  await viewer.frames(10, { since: 'now', milliseconds: 40_000 });
  await stopped(session);
});

// Failure modes: V13.
test('an encoder that would never finish draining is not asked to', async () => {
  await forget(guest);
  const session = await viewer.start('websocket');
  await viewer.frames(5);
  await guest.run(`${shell}\nfault keep_last 1`);
  await stopped(session);
  await guest.run(`${shell}\nfault keep_last 0`);
  assert.equal((await recorded(guest)).drains, 0);
});

// Failure modes: V10, V11.
test('an encoder whose STREAMOFF never returns: its worker is known to hold the camera, and all is free afterwards', async () => {
  const session = await viewer.start('whep');
  await viewer.frames(5);
  await guest.run(`${shell}\nfault streamoff_stuck 1`);
  const { outcome } = await viewer.stop();
  assert.deepEqual([outcome.cause, outcome.held], [{ kind: 'requested', by: 'viewer' }, ['camera']], JSON.stringify(outcome));
  const { fault } = await cameraWhen(guest, ({ state }) => state === 'wedged');
  assert.match(fault.detail, /worker \d+ does not end/);
  const { status, problem } = await viewer.attempt('whep');
  assert.deepEqual([status, problem.code], [503, 'camera-wedged']);
  await guest.run(`${shell}\nfault streamoff_stuck 0\nuntil_record open -eq 0`);
  await cameraWhen(guest, ({ state }) => state === 'closed');
  await ended(session);
  await closed();
  const next = await viewer.start('whep');
  await viewer.frames(3);
  await stopped(next);
});

// Failure modes: V14.
test('sessions with an encoder of the kernel are stopped at any moment, and nothing stays open', { timeout: 600_000 }, async () => {
  const next = random(seed());
  await forget(guest);
  for (let i = 0; i < 10; i++) {
    const role = i % 2 ? 'websocket' : 'whep';
    const session = await viewer.start(role);
    // Here the moment is what is tested: from before the first picture to some time after it.
    const moment = Math.floor(next() ** 2 * 1500);
    await new Promise((resolve) => setTimeout(resolve, moment));
    const { outcome } = await viewer.stop();
    const what = `${role} after ${moment} ms: ${JSON.stringify(outcome)}`;
    assert.deepEqual([outcome.cause, outcome.held], [{ kind: 'requested', by: 'viewer' }, []], what);
    await atRest(guest, node);
    assert.deepEqual(await guest.cameraHolders(), []);
    const took = await closingTime(session);
    assert.ok(took <= promised, `closed after ${took} ms; ${what}`);
  }
  await restart();
  const session = await viewer.start('whep');
  await viewer.frames(3);
  await stopped(session);
  assert.equal((await api('cameras')).cameras[0].state, 'closed');
});
