// SPDX-License-Identifier: MIT OR Apache-2.0
// The cable between device and viewer that cabled.sh has laid, and how it is cut: in silence, as a
// network is lost that is too far away. Nobody is told, by no error and no carrier.

import { execFileSync } from 'node:child_process';

const ENDS = {
  device: [],
  viewer: ['nsenter', `--net=${process.env.VIEWER_NETNS}`],
};

/** Puts the queueing discipline `what` at `end`, or takes away what is there. */
function put(end, what) {
  const action = what ? ['add', 'dev', end, 'root', ...what] : ['del', 'dev', end, 'root'];
  const [command, ...args] = [...ENDS[end], 'tc', 'qdisc', ...action];
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** What leaves `end` is `lost` from now on, or is not. */
const at = (end, lost) => put(end, lost && ['blackhole']);

/** Why the cable cannot be made narrow: not every kernel can. */
export function cannotNarrow() {
  try {
    narrow('device', '1mbit');
    put('device');
    return false;
  } catch (error) {
    return `SKIPPED: this kernel has no token bucket filter: ${String(error.stderr).trim()}`;
  }
}

function narrow(end, rate) {
  put(end, ['tbf', 'rate', rate, 'burst', '4kb', 'latency', '300ms']);
}

/** Has what leaves `end` pass at this rate (as tc writes it) while `act` runs; 300 ms of it may wait. */
export async function narrowed(end, rate, act) {
  narrow(end, rate);
  try {
    return await act();
  } finally {
    put(end);
  }
}

/** Has nothing of what these ends send arrive while `act` runs. */
export async function without(ends, act) {
  for (const end of ends) at(end, true);
  try {
    return await act();
  } finally {
    for (const end of ends) at(end, false);
  }
}
