// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An appliance as its tests see it: the service as systemd has it, and what the journal says happened when.

import assert from 'node:assert/strict';

import { ready } from './service.mjs';

/** The service's unit as systemd has it: the properties named. */
export async function unit(guest, ...properties) {
  const { code, stdout, stderr } = await guest.run(`systemctl show shutterd.service ${properties.map((name) => `-p ${name}`).join(' ')}`);
  assert.equal(code, 0, stderr);
  return Object.fromEntries(stdout.trim().split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/** Runs `act`; resolves when the service is another process than before, and answers. */
export async function restarted(guest, act, milliseconds = 90_000) {
  const { MainPID } = await unit(guest, 'MainPID');
  await act(MainPID);
  const { code, stdout } = await guest.run(`
    until pid=$(systemctl show -P MainPID shutterd.service) && [ "$pid" != 0 ] && [ "$pid" != ${MainPID} ] &&
      [ "$(systemctl is-active shutterd.service)" = active ]; do usleep 50000; done; echo $pid`, { milliseconds });
  assert.equal(code, 0, `not another process than ${MainPID}: ${stdout}\n${await guest.log()}`);
  await ready(guest);
}

/**
 * What the journal has since `cursor`: when, in milliseconds of the device's clock that runs on, and what.
 * A device that sleeps meanwhile answers when it is awake, and the time it slept counts.
 */
export async function journal(guest, cursor, milliseconds = 60_000) {
  const { code, stdout, stderr } = await guest.run(
    `journalctl -b -o json --no-pager ${cursor ? `--after-cursor='${cursor}'` : ''}`, { milliseconds });
  assert.equal(code, 0, stderr);
  return stdout.split('\n').filter(Boolean).map((line) => {
    const entry = JSON.parse(line);
    const { CAMERA, STATE, MESSAGE } = entry;
    const text = MESSAGE === 'camera' && CAMERA ? `camera ${CAMERA}: ${STATE}` : String(MESSAGE);
    return { at: Number(entry.__MONOTONIC_TIMESTAMP) / 1000, cursor: entry.__CURSOR, text };
  });
}

/** The journal's end as it is now. */
export async function cursor(guest) {
  const { stdout } = await guest.run('journalctl -b -n 0 --show-cursor --no-pager');
  return /cursor: (.*)/.exec(stdout)[1];
}

/** The first entry since `since` that matches, when it has come. */
export async function said(guest, since, pattern, milliseconds = 60_000) {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const entries = await journal(guest, since);
    const entry = entries.find(({ text }) => pattern.test(text));
    if (entry) return entry;
    assert.ok(Date.now() < deadline, `${pattern} was not said:\n${entries.map(({ text }) => text).join('\n').slice(-6000)}`);
  }
}
