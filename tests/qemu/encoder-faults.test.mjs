// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The faults of the device's encoder: each is what its name says, and none is left; and whatever moment it is stopped at, it stops.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { atRest, forget, noFaults, random, recorded, seed } from './encoder.mjs';
import { encode, guest, load, node, player, run, stream } from './encoder-stand.mjs';

/** The faults are reset, and the encoder is as it was before: it encodes. */
async function works() {
  await noFaults(guest);
  await forget(guest);
  await run(`gst-launch-1.0 -q ${encode()} ! fakesink`);
  assert.equal((await recorded(guest)).drained, 1);
  await atRest(guest, node);
}

test('fault: open fails as busy', async () => {
  await run('fault open_busy 1');
  const { code, stderr } = await guest.run(`exec 3< ${node}`);
  assert.notEqual(code, 0);
  assert.match(stderr, /busy/i);
  await works();
});

test('fault: pictures come back with an error', async () => {
  await forget(guest);
  await run('fault errors 2');
  const { coded, raw } = await stream(8);
  assert.deepEqual(coded, ['error', 'error', 'keyframe', ...Array(5).fill('P-frame')]);
  assert.deepEqual(raw.slice(0, 3), ['error', 'error', ''], 'the sources of those pictures');
  const { pictures, errors } = await recorded(guest);
  assert.deepEqual({ pictures, errors }, { pictures: 6, errors: 2 });
  await works();
});

test('fault: a wrong length', async () => {
  await forget(guest);
  const { stdout } = await run(`
    fault bytesused_percent 50
    gst-launch-1.0 -q ${encode()} ! filesink location=/tmp/stream buffer-mode=unbuffered
    stat -c %s /tmp/stream`);
  const { bytes } = await recorded(guest);
  assert.ok(Math.abs(Number(stdout) - bytes / 2) <= 20, `${stdout} of ${bytes}`);
  await works();
});

test('fault: nothing comes back any more, until it does', async () => {
  await forget(guest);
  await run(`
    fault stall 1
    ${player} ${encode()} ! fakesink & player=$!
    until_record streaming_capture -eq 1
    until_record outstanding -ge 2
    [ "$(record pictures)" = 0 ] || exit 1
    fault stall 0
    wait $player || exit 2
    [ "$(record pictures)" = 20 ] || exit 3
    # And one that is ended meanwhile ends.
    fault stall 1
    ${player} ${encode()} ! fakesink & player=$!
    until_record streaming_capture -eq 1
    until_record outstanding -ge 2
    kill -INT $player
    wait $player
    [ "$(record pictures)" = 20 ] || exit 4`);
  await atRest(guest, node);
  await works();
});

test('fault: a drain that never ends', async () => {
  await forget(guest);
  await run(`
    fault keep_last 1
    ${player} ${encode()} ! fakesink & player=$!
    until_record drains -eq 1
    until_record pictures -eq 20
    kill -0 $player || exit 1
    [ "$(record drained)" = 0 ] || exit 2
    kill -KILL $player
    until_record open -eq 0`);
  await works();
});

test('fault: STREAMOFF takes its time', async () => {
  const seconds = async () => Number((await run(`
    read -r began _ < /proc/uptime
    gst-launch-1.0 -q ${encode()} ! fakesink
    read -r now _ < /proc/uptime
    echo $began $now`)).stdout.trim().split(' ').reduce((began, now) => now - began));
  const usual = await seconds();
  await run('fault streamoff_ms 1500');
  const slow = await seconds();
  assert.ok(slow >= 3, `two queues stop within ${slow} s, usually ${usual} s`);
  await works();
});

test('fault: STREAMOFF that does not come back, whatever is done to its process', async () => {
  await forget(guest);
  await run(`
    fault streamoff_stuck 1
    ${player} ${encode({ pictures: -1 })} ! fakesink & player=$!
    until_record pictures -ge 3
    kill -INT $player
    # A thread of it sleeps in the kernel, where no signal reaches it.
    until grep -qs '^State:.*disk sleep' /proc/$player/task/*/status; do usleep 5000; done
    kill -KILL $player
    grep -qs '^State:.*disk sleep' /proc/$player/task/*/status || exit 1
    [ "$(record open)" -ge 1 ] || exit 2
    fault streamoff_stuck 0
    until_record open -eq 0`);
  await works();
});

// What GStreamer 225d6b7e11 mended: a state change that meets the codec's threads at the wrong moment must not freeze it.
// Failure modes: V14.
test('a pipeline with the encoder is stopped at any moment, again and again, and never hangs', async () => {
  const next = random(seed());
  // Here the moment is what is tested, so time passes; that the player runs, or has ended, is waited for.
  const moments = Array.from({ length: 20 }, () => Math.floor(next() ** 2 * 1_200_000));
  await forget(guest);
  const { stdout } = await run(`
    for moment in ${moments.join(' ')}; do
      ${player} ${encode({ pictures: -1, size: [64, 48] })} ! h264parse ! fakesink > /tmp/said 2>&1 & player=$!
      until [ "$(record open)" != 0 ]; do kill -0 $player || exit 1; done
      usleep $moment
      kill -INT $player
      wait $player
      [ "$(record open) $(record streaming_output) $(record streaming_capture) $(record outstanding)" = '0 0 0 0' ] || exit 2
      echo "$moment $(record pictures)"
    done`, { milliseconds: 400_000 });
  const seen = stdout.trim().split('\n').map((line) => Number(line.split(' ')[1]));
  assert.equal(seen.length, moments.length);
  // Some ended before the first picture, and some while pictures came.
  const gained = seen.map((pictures, i) => pictures - (seen[i - 1] ?? 0));
  assert.ok(gained.some((pictures) => pictures === 0) && gained.some((pictures) => pictures > 3), gained.join());
  console.log(`pictures before each end: ${gained.join()}`);
  await works();
});

test('the driver can be taken out and put in again, and the kernel has nothing to report', async () => {
  const { stdout } = await run('modprobe -r pcm264; [ ! -e /sys/kernel/debug/pcm264 ] && dmesg');
  assert.doesNotMatch(stdout, /WARNING|BUG|Oops|Call trace|use-after-free/);
  await load();
  await works();
});
