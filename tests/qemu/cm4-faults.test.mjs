// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The fault matrix with the encoder's faults: whatever the driver of an encoder does, before a session starts or while it is watched,
// to one viewer or to two, the session ends or goes on as it should, camera and encoder are closed within the bound or said to be held,
// and the next session shows the picture. `make faults-encoder` runs every cell; here it is one for each fault. The board file is the Raspberry Pi CM4's, the driver the device's own (encoder/).

import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';

import { atRest, forget, loadEncoder, noFaults, recorded, shell } from './encoder.mjs';
import { api, cameraWhen, ended, promised } from './service.mjs';
import { stand } from './stand.mjs';

const config = '/etc/shutterd/shutterd.toml';
let node;
let second;

const { guest, viewer, another, sessionWorks } = stand({}, async (guest) => {
  // Its look for GStreamer's plugins would otherwise meet the driver half-way, and write down that there is no such encoder.
  await guest.run('/usr/lib/testbed/service stop');
  node = await loadEncoder(guest);
  const { code, stderr } = await guest.run(`
    set -e
    # A second viewer's worker is a cold one, and how long that takes here is not what is tested.
    sed -i -e 's/v4l2-software/raspberry-pi-cm4/' -e 's/^create-source = .*/create-source = "5s"/' \
      -e 's/^create-peer = .*/create-peer = "60s"/' ${config}
    /usr/lib/testbed/service start
    until wget -q -O /dev/null http://10.77.0.2:8787/healthz; do usleep 50000; done`, { milliseconds: 90_000 });
  assert.equal(code, 0, stderr);
});
afterEach(async () => {
  await noFaults(guest);
  // What a cell that failed has left must not fail the next one.
  await guest.run('shutterctl stop --all');
});

/**
 * Each with what it does to a session: `start`, what one that meets it alone fails with, as its step and its fault's code, or none where
 * the step was late; `lost`, what those who watch lose the camera with; `blind`, there may be nothing to see; `killed`, its worker does
 * not stop in time; `held`, nor does SIGKILL end it. A fault with none of these does nothing to a session of ours.
 */
const faults = [
  { set: { open_busy: 1 }, start: ['open-camera', 'element-missing'] },
  { set: { stall: 1 }, start: ['create-source'], lost: 'no-frames' },
  { set: { errors: 100_000 }, start: ['create-source'], lost: 'no-frames' },
  { set: { bytesused_percent: 0 }, start: ['create-source'], lost: 'no-frames' },
  { set: { bytesused_percent: 50 }, blind: true },
  { set: { keep_last: 1 } },
  { set: { streamoff_ms: 700 }, killed: true },
  { set: { streamoff_stuck: 1 }, killed: true, held: true },
  // The worker that is to make room for another one does not end.
  { set: { stall: 1, streamoff_stuck: 1 }, start: ['create-source'], lost: 'no-frames', held: true },
];
const situations = [['before', 'alone'], ['while', 'alone'], ['before', 'beside another'], ['while', 'beside another']];
const roles = ['whep', 'websocket'];
/** Of each fault every situation, or one: over eight faults each of them in both roles. */
const whole = process.env.CELLS === 'all';
const isTried = (number, turn) => whole || turn === Math.floor(number / 2) % situations.length;
const wanted = faults.length * (whole ? situations.length : 1);
const rows = [];

async function plant(set) {
  const script = Object.entries(set).map(([name, value]) => `fault ${name} ${value}`).join('\n');
  const { code, stderr } = await guest.run(`${shell}\n${script}`);
  assert.equal(code, 0, stderr);
}

const newest = async () => (await api('status')).sessions.reduce((a, b) => (b.generation > a.generation ? b : a)).id;

/** Resolves when the session has begun to run, which some faults do not let a viewer see. */
async function running(id) {
  const deadline = Date.now() + 90_000;
  let session = await api(`sessions/${id}`);
  while (session.phase === 'starting') {
    assert.ok(Date.now() < deadline, JSON.stringify(session));
    session = await api(`sessions/${id}?after=${session.serial}`);
  }
  assert.equal(session.phase, 'running', JSON.stringify(session));
}

/** A session that starts with the fault; resolves with its end, or with nothing when it runs. */
async function startsWith(fault, role, company) {
  await plant(fault.set);
  const { session = await newest() } = await viewer.attempt(role);
  if (!fault.lost && (company || !fault.start)) {
    await running(session);
    if (!fault.blind) await viewer.frames(3);
    return { session };
  }
  const { outcome } = await ended(session, 90_000);
  const { kind, step, fault: why } = outcome.cause;
  if (company) {
    // The camera was there, and was lost before there was a picture.
    assert.deepEqual([kind, why?.code], ['lost', fault.lost], JSON.stringify(outcome));
  } else {
    const [expected, code] = fault.start;
    assert.deepEqual([kind, step, why?.code], [code ? 'start-failed' : 'start-late', expected, code], JSON.stringify(outcome));
    if (code) assert.match(why.detail, /busy/);
  }
  return { session, outcome };
}

/** A session that is watched when the fault comes; resolves with nothing but itself, for it goes on, or its camera is opened again. */
async function meets(fault, role) {
  const session = await viewer.start(role);
  await viewer.frames(3);
  await plant(fault.set);
  if (fault.lost) {
    const { fault: now } = await cameraWhen(guest, ({ fault: why }) => why);
    assert.equal(now.code, fault.lost, JSON.stringify(now));
  } else if (!fault.blind) {
    await viewer.frames(3, { since: 'now' });
  }
  await running(session);
  return { session };
}

/** The camera's close in that session: what came of it, and milliseconds from the end's first step until that was known. */
async function closing(id) {
  const { entries } = await api(`sessions/${id}/timeline`);
  const end = entries.filter(({ table }) => table === 'end');
  const close = end.findLast(({ step }) => step === 'close-camera');
  return { result: close?.result, note: close?.note, took: close?.ended_ms - Math.min(...end.map(({ asked_ms }) => asked_ms)) };
}

/** Both nodes are closed and free, or they are known not to be until the fault is over. */
async function released(fault, last, outcome) {
  const { result, note, took } = await closing(last);
  assert.ok(took <= promised, `known after ${took} ms: ${result}, ${note}`);
  const late = outcome.unclean.filter(({ why }) => why === 'late').map(({ undo }) => undo);
  // An emulated processor may miss a deadline. Nothing else may go wrong, but what the fault does.
  assert.equal(late.length, outcome.unclean.length, JSON.stringify(outcome));
  if (fault.killed) assert.ok(late.includes('destroy-source'), JSON.stringify(outcome));
  assert.deepEqual([outcome.held, result], fault.held ? [['camera'], 'late'] : [[], 'done'], JSON.stringify(outcome));
  if (fault.held) {
    const { fault: wedge } = await cameraWhen(guest, ({ state }) => state === 'wedged');
    assert.match(wedge.detail, /worker \d+ does not end/);
    await noFaults(guest);
    await cameraWhen(guest, ({ state }) => state === 'closed');
  }
  assert.deepEqual(await guest.cameraHolders(), []);
  await atRest(guest, node);
  if (fault.set.keep_last) assert.equal((await recorded(guest)).drains, 0, 'nobody waits for the last buffer');
  return { took: Math.round(took), how: fault.held ? 'held, then free' : note };
}

const requested = { kind: 'requested', by: 'viewer' };

for (const [number, fault] of faults.entries()) {
  const name = Object.entries(fault.set).map(([key, value]) => `${key} ${value}`).join(', ');
  for (const [turn, [planted, company]] of situations.entries()) {
    if (!isTried(number, turn)) continue;
    const beside = company !== 'alone';
    const role = roles[(number + turn) % 2];
    // Failure modes: V10, V11, V13.
    test(`${name}, ${planted} ${role} watches, ${company}`, async () => {
      await forget(guest);
      let last;
      if (beside) {
        second ??= await another();
        // Also the session that comes next after the cell before.
        last = await second.start(roles[(number + turn + 1) % 2]);
        await second.frames(3);
      }
      const { session, outcome } = planted === 'before' ? await startsWith(fault, role, beside) : await meets(fault, role);
      let ending = outcome;
      if (!outcome) {
        ({ outcome: ending } = await viewer.stop());
        assert.deepEqual(ending.cause, requested);
      }
      if (beside) {
        assert.deepEqual(ending.held, [], 'the camera is kept for the other');
        assert.match((await closing(session)).note, /^kept for 1 other$/);
        ({ outcome: ending } = await second.stop());
        assert.deepEqual(ending.cause, requested);
      }
      const { took, how } = await released(fault, last ?? session, ending);
      await noFaults(guest);
      // After each other cell that is what the next one begins with.
      if (!whole || turn === situations.length - 1) await sessionWorks(role);
      rows.push([name, planted, company, role, outcome ? `${outcome.cause.kind}${outcome.cause.step ? ` ${outcome.cause.step}` : ''}` : 'stopped', `${took} ms`, how]);
    });
  }
}

test('no cell is left out', async () => {
  assert.equal(rows.length, wanted);
  await sessionWorks();
  await atRest(guest, node);
});

after(() => console.log(`${rows.map((row) => row.join(' | ')).join('\n')}\n${rows.length} cells of ${wanted} wanted, and of ${faults.length * situations.length} that there are`));
