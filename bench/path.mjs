// SPDX-License-Identifier: MIT OR Apache-2.0
// The path between the service's namespace, which is this program's, and the viewer's.

import { fileURLToPath } from 'node:url';
import { chromium } from './viewing.mjs';
import { Program } from './program.mjs';

const SHAPER = fileURLToPath(new URL('../target/link/release/link-shaper', import.meta.url));
const CHROMIUM = fileURLToPath(new URL('link/chromium.sh', import.meta.url));

/** The page is not fetched over the path but put in; Chromium takes it for one of another network, and asks before it
 * lets it speak with this one. */
const NO_CHECKS = '--disable-features=LocalNetworkAccessChecks';

/** Makes it, without loss, limit or delay. */
export async function openPath(seed) {
  const program = new Program(SHAPER, [`seed=${seed}`]);
  const { namespace, near } = JSON.parse(await program.line());
  return {
    host: near,
    seed,
    /** A Chromium at the far end. */
    chromium() {
      process.env.VIEWERS_NETWORK = namespace;
      return chromium({ executable: CHROMIUM, args: [NO_CHECKS] });
    },
    /** Changes it; what became of the packets so far, and when that was. */
    async change(settings) {
      const counts = JSON.parse(await program.line(`${settings}\n`));
      return { at: Date.now(), ...counts };
    },
    stop: () => program.stop(),
  };
}
