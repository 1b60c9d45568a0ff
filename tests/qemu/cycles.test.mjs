// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Session after session in each role, with no gap between the end of one and the start of the next: every one shows a picture, and
// afterwards the device is as it was before. Fifty of each role, or as many as CYCLES says.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { api, closingTime, foreignOpen, idle, processesWhen, promised, quantile } from './service.mjs';
import { stand } from './stand.mjs';

const cycles = Number(process.env.CYCLES ?? 50);
const { guest, viewer } = stand();

const daemonOf = (list) => list.find(({ name }) => name === 'shutterd');

for (const role of ['whep', 'websocket']) {
  // Failure modes: V1, V5.
  test(`${cycles} sessions without a gap, ${role}`, { timeout: 120_000 + cycles * 20_000 }, async () => {
    const closings = [];
    // The service remembers the last sessions only, and to ask for each after its end would be a gap: it is asked while the next starts.
    const cycle = async (last) => {
      const [session, closing] = await Promise.all([viewer.start(role), last && closingTime(last)]);
      if (last) closings.push(closing);
      const { toDescription, toFirstFrame } = await viewer.frames(1);
      const { outcome } = await viewer.stop();
      return { session, toDescription, toFirstFrame, outcome };
    };
    // What the service makes once (connections, threads) is there after a first session.
    await cycle();
    const baseline = daemonOf(await processesWhen(guest, idle));

    const began = performance.now();
    const done = [];
    for (let number = 1; number <= cycles; number++) {
      try {
        done.push(await cycle(done.at(-1)?.session));
      } catch (error) {
        throw new Error(`cycle ${number}: ${error.message}\n${(await guest.log()).slice(-6000)}`, { cause: error });
      }
    }
    const each = (performance.now() - began) / cycles;
    closings.push(await closingTime(done.at(-1).session));

    assert.deepEqual(await guest.cameraHolders(), []);
    for (const { session, outcome } of done) {
      assert.deepEqual([outcome.cause, outcome.held], [{ kind: 'requested', by: 'viewer' }, []], session);
      // An emulated processor may miss a deadline of 200 ms, and then its worker is killed. Nothing else may go wrong.
      assert.deepEqual(outcome.unclean.filter(({ why }) => why !== 'late'), [], session);
    }
    const unclean = done.filter(({ outcome }) => outcome.unclean.length > 0).length;
    assert.equal((await api('cameras')).cameras[0].state, 'closed');
    await foreignOpen(guest);
    // A thread that has nothing to do ends after a while of its own choice.
    const now = daemonOf(await processesWhen(guest, (list) => idle(list) && daemonOf(list).threads <= baseline.threads &&
      daemonOf(list).descriptors <= baseline.descriptors));
    console.log(`${role} daemon before ${JSON.stringify(baseline)}, after ${JSON.stringify(now)}`);
    assert.equal(now.pid, baseline.pid, 'the same service, with nothing more than before');

    assert.equal(closings.length, cycles);
    const closing = [0.5, 0.99, 1].map((share) => quantile(closings, share).toFixed(1));
    assert.ok(Math.max(...closings) <= promised, `closed after ${Math.max(...closings)} ms`);
    const of = (figure) => Math.round(quantile(done.map((one) => one[figure]), 0.5));
    console.log(`${role}: ${cycles} sessions, ${Math.round(each)} ms a cycle; medians: description ${of('toDescription')} ms, first ` +
      `frame ${of('toFirstFrame')} ms; stop to closed, p50, p99, longest: ${closing.join(', ')} ms; ${unclean} with a late end step`);
  });
}
