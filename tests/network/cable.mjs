// SPDX-License-Identifier: MIT OR Apache-2.0
// The cable between device and viewer that cabled.sh has laid, and how it is cut: in silence, as a
// network is lost that is too far away. Nobody is told, by no error and no carrier.

import { execFileSync } from 'node:child_process';

const ENDS = {
  device: [],
  viewer: ['nsenter', `--net=${process.env.VIEWER_NETNS}`],
};

/** What leaves `end` is `lost` from now on, or is not. */
function at(end, lost) {
  const action = lost ? 'add' : 'del';
  const [command, ...args] = [...ENDS[end], 'tc', 'qdisc', action, 'dev', end, 'root', 'blackhole'];
  execFileSync(command, args);
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
