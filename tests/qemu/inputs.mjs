// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Input devices of the kernel's (uinput) in the device, as boards have them: lens covers, privacy keys, wear sensors.

import assert from 'node:assert/strict';

export const SW = 5, KEY = 1;
/** SW_CAMERA_LENS_COVER */
export const cover = 9;
/** SW_TABLET_MODE, as a board might use it for a wear sensor. */
export const worn = 1;
/** KEY_CAMERA_ACCESS_TOGGLE */
export const privacy = 588;

/** Plugs an input device with these events (`type:code`) in; resolves when it is there. */
export async function plug(guest, name, ...events) {
  const { code, stderr } = await guest.run(`
    modprobe -a uinput evdev
    setsid /usr/lib/testbed/input-device '${name}' /tmp/${name} ${events.join(' ')} > /tmp/${name}.log 2>&1 < /dev/null &
    echo $! > /tmp/${name}.pid
    until [ -p /tmp/${name} ]; do kill -0 $! || { cat /tmp/${name}.log >&2; exit 1; }; usleep 20000; done`);
  assert.equal(code, 0, stderr);
}

export const unplug = (guest, name) => guest.run(`kill $(cat /tmp/${name}.pid); rm /tmp/${name}`);

/** The shell command by which the device says `event`: type, code, value. */
export const saying = (name, ...event) => `echo '${event.join(' ')}' > /tmp/${name}`;

export const put = (guest, name, ...event) => guest.run(saying(name, ...event));
