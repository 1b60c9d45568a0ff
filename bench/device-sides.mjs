// SPDX-License-Identifier: MIT OR Apache-2.0
// The two that are measured, on the emulated device: its kernel's camera, the encoder of the board file that it runs.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { address } from '../tests/qemu/guest.mjs';
import { idle, origin, processes, ready } from '../tests/qemu/service.mjs';
import { within } from '../tests/browser/deadline.mjs';
import { until } from './program.mjs';
import { Ours } from './sides.mjs';

const CROSS = fileURLToPath(new URL('../target/cross/aarch64-unknown-linux-gnu/release/', import.meta.url));
/** The other end of the device's cable, see tests/qemu/plugged.sh. */
const HOST = '10.77.0.1';
const PEER = { port: 8788, program: '/tmp/whep-peer' };

export const PICTURE = { width: 320, height: 180, framerate: 25, bitrate: 500_000 };
/** As pipelines/v4l2-software.toml has it. */
export const ENCODER = `tune=zerolatency speed-preset=ultrafast bframes=0 key-int-max=120 bitrate=${PICTURE.bitrate / 1000}`;
const SOURCE = `v4l2src name=camera device=/dev/video0
! video/x-raw,width=${PICTURE.width},height=${PICTURE.height},framerate=${PICTURE.framerate}/1
! decodebin ! videoconvert ! video/x-raw,format=I420`;

async function run(guest, script, options) {
  const { code, stdout, stderr } = await guest.run(script, options);
  if (code !== 0) throw new Error(`${code}: ${stdout}${stderr}`);
  return stdout;
}

/** What the processes of these names cost over `seconds`, as bench/load.mjs has it. */
async function over(guest, names, seconds) {
  const spent = `
    for pid in $(pidof ${names}); do sed 's/.*) //' /proc/$pid/stat; done 2>/dev/null |
      awk '{ ticks += $12 + $13 + $14 + $15 } END { printf "%d ", ticks }'
    cut -d' ' -f1 /proc/uptime`;
  const stdout = await run(guest, `
    ${spent}
    sleep ${seconds}
    ${spent}
    for pid in $(pidof ${names}); do cat /proc/$pid/smaps_rollup; done 2>/dev/null | awk '$1 == "Pss:" { sum += $2 } END { print sum }'
    getconf CLK_TCK 2>/dev/null || echo 100`, { milliseconds: (seconds + 30) * 1000 });
  const [before, began, after, ended, pss, ticks] = stdout.trim().split(/\s+/).map(Number);
  const passed = ended - began;
  return { cpu: (after - before) / ticks / passed, memory: pss / 1024, passed };
}

/** This service, as it runs there. */
export class OursThere extends Ours {
  #guest;

  static async start(guest) {
    const side = new OursThere();
    side.#guest = guest;
    side.origin = origin;
    await run(guest, `
      /usr/lib/testbed/service stop
      sed -i -e '/^bitrate = /d' -e '/^framerate = /a bitrate = ${PICTURE.bitrate}' /etc/shutterd/shutterd.toml
      : > /var/log/shutterd.log
      /usr/lib/testbed/service start SHUTTERD_LOG=info,shutterd::worker::spares=debug`, { milliseconds: 60_000 });
    await ready(guest);
    return side;
  }

  /** Waits until both spares have said that they are warm. */
  async warm() {
    await within(until(() => this.#isWarm()), 'warm spares', 60_000);
  }

  async #isWarm() {
    const list = await processes(this.#guest);
    const { sessions } = await this.json('/api/v1/status');
    const watching = sessions.filter(({ phase }) => phase !== 'ended').length;
    const log = await run(this.#guest, 'cat /var/log/shutterd.log');
    const warmed = new Set([...log.matchAll(/worker is warm.*pid=(\d+)/g)].map(([, pid]) => Number(pid)));
    const youngest = (role) => list.filter(({ name }) => name === role).at(-1)?.pid;
    const all = watching ? list.length === watching + 4 : idle(list);
    return all && ['camera', 'peer'].every((role) => warmed.has(youngest(role)));
  }

  over(seconds) {
    return over(this.#guest, 'shutterd shutter-media', seconds);
  }

  async stop() {
    await run(this.#guest, '/usr/lib/testbed/service stop', { milliseconds: 60_000 });
  }
}

/** GStreamer's own WHEP server, there. */
export class PeerThere {
  name = 'whepserversink';
  camera = null;
  endpoint = '/whep/endpoint';
  #guest;

  /** Brings the program to the device. */
  static async bring(guest) {
    const body = await readFile(`${CROSS}whep-peer`);
    const server = createServer((_, response) => response.end(body)).listen(0, HOST);
    await new Promise((resolve) => { server.once('listening', resolve); });
    await run(guest, `
      wget -q -O ${PEER.program} http://${HOST}:${server.address().port}/
      chmod +x ${PEER.program}`, { milliseconds: 60_000 });
    server.close();
  }

  static async start(guest) {
    const side = new PeerThere();
    side.#guest = guest;
    side.origin = `http://${address}:${PEER.port}`;
    // As the service's user, and with the registry of plugins that the service has.
    await run(guest, `
      mkfifo /tmp/peer.in
      setsid setpriv --reuid shutterd --regid shutterd --init-groups \\
        env -i PATH=/usr/bin HOME=/tmp GST_REGISTRY_1_0=/var/cache/gstreamer/registry.bin \\
        ${PEER.program} '${side.origin}' '${ENCODER}' '${SOURCE}' disabled ${PICTURE.bitrate} < /tmp/peer.in > /tmp/peer.log 2>&1 &
      setsid sleep 100000 > /tmp/peer.in 2>&1 < /dev/null &
      echo $! > /tmp/peer.hold`);
    try {
      await within(until(() => side.#serves()), side.name, 60_000);
    } catch (error) {
      error.message += await run(guest, 'cat /tmp/peer.log');
      throw error;
    }
    return side;
  }

  async #serves() {
    const answer = await fetch(`${this.origin}${this.endpoint}`, { method: 'OPTIONS' }).catch(() => null);
    return answer?.ok ?? false;
  }

  /** It has nothing to warm. */
  async warm() {}

  over(seconds) {
    return over(this.#guest, 'whep-peer', seconds);
  }

  async stop() {
    await run(this.#guest, `
      kill $(cat /tmp/peer.hold)
      while pidof whep-peer > /dev/null; do usleep 20000; done
      rm /tmp/peer.in`);
  }
}
