// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The device's encoder as a test sees it: what its driver has recorded, and the faults that can be switched on in it (encoder/).

import assert from 'node:assert/strict';

const debugfs = '/sys/kernel/debug/pcm264';

/** In a guest's script: `record NAME` is a figure of the record, `fault NAME VALUE` switches a fault, `until_record NAME TEST...` waits. */
export const shell = `
  record() { sed -n "s/^$1 //p" ${debugfs}/record; }
  fault() { echo "$2" > ${debugfs}/faults/$1; }
  until_record() { until [ "$(record $1)" $2 $3 ]; do usleep 5000; done; }
`;

/** Every fault is switched off, also by the `afterEach` of a file: one that stays on would fail all that follows. */
export async function noFaults(guest) {
  const { code, stderr } = await guest.run(`${shell}
    for name in keep_last streamoff_stuck streamoff_ms open_busy errors stall; do fault $name 0; done
    fault bytesused_percent 100`);
  assert.equal(code, 0, stderr);
}

/** Loads the driver; resolves with its node when that has the group that lets the service use it. */
export async function loadEncoder(guest) {
  const { code, stdout, stderr } = await guest.run(`
    modprobe pcm264
    for card in /sys/class/video4linux/*; do [ "$(cat $card/name)" = pcm264 ] && node=/dev/\${card##*/}; done
    until [ "$(stat -c %U:%G:%a $node)" = root:video:660 ]; do usleep 20000; done
    echo $node`);
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

/** The record: a number for each figure, and the bit rates that were set, each with the picture before which. */
export async function recorded(guest) {
  const { code, stdout, stderr } = await guest.run(`cat ${debugfs}/record`);
  assert.equal(code, 0, stderr);
  const record = { rates: [] };
  for (const line of stdout.trim().split('\n')) {
    const [name, ...numbers] = line.split(' ');
    if (name === 'bitrate') record.rates.push({ picture: Number(numbers[0]), bitrate: Number(numbers[1]) });
    else record[name] = Number(numbers[0]);
  }
  return record;
}

/** Sets the record's counts to zero. */
export const forget = (guest) => guest.run(`echo > ${debugfs}/record`);

/** Nobody has the encoder, and it has no buffer. */
export async function atRest(guest, node) {
  const { open, streaming_output, streaming_capture, outstanding } = await recorded(guest);
  assert.deepEqual({ open, streaming_output, streaming_capture, outstanding },
    { open: 0, streaming_output: 0, streaming_capture: 0, outstanding: 0 });
  assert.deepEqual(await guest.cameraHolders(node), []);
}

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** SEED, or another one each time; printed, so that a failure can be had again. */
export function seed() {
  const number = Number(process.env.SEED ?? Date.now() % 2 ** 32);
  console.log(`SEED=${number}`);
  return number;
}
