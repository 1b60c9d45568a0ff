// SPDX-License-Identifier: MIT OR Apache-2.0
//
// shutterd on the device: boot until it answers, its API, and what the kernel says of its processes and of the camera.

import assert from 'node:assert/strict';

import { address, cameraHolders } from './guest.mjs';

export const origin = `http://${address}:8787`;

/** Boots the device; resolves when shutterd answers over the network that a viewer uses. */
export async function bootService(guest) {
  const began = performance.now();
  await guest.boot();
  await ready(guest);
  console.log(`the service answers ${((performance.now() - began) / 1000).toFixed(1)} s after the device was switched on`);
}

export async function ready(guest, milliseconds = 60_000) {
  const { code } = await guest.run(`until wget -q -O /dev/null ${origin}/healthz; do usleep 50000; done`, { milliseconds });
  assert.equal(code, 0, `shutterd does not answer; its log:\n${await guest.log()}`);
}

/** GET of the API. */
export async function api(path) {
  const response = await fetch(`${origin}/api/v1/${path}`, { signal: AbortSignal.timeout(40_000) });
  const body = await response.text();
  assert.equal(response.status, 200, `GET ${path}: ${response.status} ${body}`);
  return JSON.parse(body);
}

/** Resolves with the camera as the service has it, when `is` says yes to it. */
export async function cameraWhen(guest, is, milliseconds = 40_000) {
  const deadline = Date.now() + milliseconds;
  let { serial, cameras } = await api('cameras');
  while (!is(cameras[0])) {
    assert.ok(Date.now() < deadline, `the camera is ${JSON.stringify(cameras[0])}\n${await guest.log()}`);
    ({ serial, cameras } = await api(`cameras?after=${serial}`));
  }
  return cameras[0];
}

/** Resolves with the session when it has ended, and with it whatever the service owed. */
export async function ended(id, milliseconds = 30_000) {
  const deadline = Date.now() + milliseconds;
  let session = await api(`sessions/${id}`);
  while (!session.outcome) {
    assert.ok(Date.now() < deadline, `session ${id} has not ended in ${milliseconds} ms: ${JSON.stringify(session)}`);
    session = await api(`sessions/${id}?after=${session.serial}`);
  }
  return session;
}

/** The product's promise in milliseconds: stop asked to camera observed closed, a kill included. */
export const promised = 4200;

/** Milliseconds from the first end step being asked for until the camera was observed closed, as the service has it. */
export async function closingTime(id) {
  const { entries } = await api(`sessions/${id}/timeline`);
  const end = entries.filter(({ table }) => table === 'end');
  // After a kill it is looked at once more: the last look counts.
  const close = end.findLast(({ step }) => step === 'close-camera');
  assert.equal(close?.result, 'done', JSON.stringify(end));
  return close.ended_ms - Math.min(...end.map(({ asked_ms }) => asked_ms));
}

/** Waits in the device until nobody has the camera open, and gives back how long that took. */
export async function closed(guest, milliseconds = 20_000) {
  const began = performance.now();
  const { code } = await guest.run(`while [ -n "$(${cameraHolders()})" ]; do usleep 20000; done`, { milliseconds });
  assert.equal(code, 0, `the camera is still held by ${JSON.stringify(await guest.cameraHolders())}; log:\n${await guest.log()}`);
  return Math.round(performance.now() - began);
}

/** Another program opens the camera and gets a picture: what only a camera that is really free allows. */
export async function foreignOpen(guest) {
  const { code, stdout, stderr } = await guest.run(
    'v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=1 --stream-to=/tmp/picture && test -s /tmp/picture');
  assert.equal(code, 0, `another program cannot use the camera: ${stdout}${stderr}`);
}

// One pass of builtins for the processes that are not ours: starting programs is what is slow on the emulated processor.
const listProcesses = `
  for process in /proc/[0-9]*; do
    read -r name 2>/dev/null < $process/comm || continue
    case $name in shutterd|shutter-media) ;; *) continue ;; esac
    descriptors=0; for entry in $process/fd/*; do descriptors=$((descriptors + 1)); done
    threads=0; for entry in $process/task/*; do threads=$((threads + 1)); done
    memory=$(sed -n 's/^Pss: *\\([0-9]*\\) kB/\\1/p' $process/smaps_rollup 2>/dev/null)
    command=$(tr '\\0' ' ' < $process/cmdline)
    if [ -n "$command" ]; then echo "\${process#/proc/} $descriptors $threads \${memory:-0} $command"; fi
  done`;

/** The service's processes: `name` is `shutterd`, `camera` or `peer`; memory is the proportional set size in KiB. */
export async function processes(guest) {
  const { stdout } = await guest.run(listProcesses);
  return stdout.split('\n').filter(Boolean).map((line) => {
    const [pid, descriptors, threads, memory, program, role] = line.trim().split(' ');
    return {
      pid: Number(pid), descriptors: Number(descriptors), threads: Number(threads), memory: Number(memory),
      name: program.endsWith('/shutterd') ? 'shutterd' : role,
    };
  });
}

/**
 * Resolves with the processes when `settled` says yes to them. Neither a spare's warm-up nor the end of an idle thread has an
 * event out here, so this looks until the deadline.
 */
export async function processesWhen(guest, settled, milliseconds = 30_000) {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const now = await processes(guest);
    if (settled(now)) return now;
    assert.ok(Date.now() < deadline, `not within ${milliseconds} ms: ${JSON.stringify(now)}\n${await guest.log()}`);
  }
}

/** The daemon and its two spare workers, nothing else. */
export const idle = (list) => list.map(({ name }) => name).sort().join() === 'camera,peer,shutterd';

/** The value that `share` (0 to 1) of the numbers do not exceed. */
export function quantile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}
