// SPDX-License-Identifier: MIT OR Apache-2.0
// The lab on the emulated device: a kernel's camera, GStreamer 1.28. With the board of a hardware encoder its driver is loaded too.
// Runs under tests/qemu/plugged.sh:  device.mjs BOARD RECORDS, with LAB_ROUNDS, LAB_MINUTES, LAB_ONLY, LAB_SEED as on a host.

import { appendFile, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

import { loadEncoder } from '../qemu/encoder.mjs';
import { Guest } from '../qemu/guest.mjs';
import { ready } from '../qemu/service.mjs';

const PROGRAM = fileURLToPath(new URL('../../target/cross/aarch64-unknown-linux-gnu/release/shutter-lab', import.meta.url));
/** The other end of the device's cable, see tests/qemu/plugged.sh. */
const HOST = '10.77.0.1';
const HARDWARE = 'raspberry-pi-cm4';
/** The device's configuration is of this one. */
const SOFTWARE = 'v4l2-software';

const [board, file] = process.argv.slice(2);
const minutes = Number(process.env.LAB_MINUTES ?? 60);
const asked = ['LAB_ROUNDS', 'LAB_ONLY', 'LAB_SEED'].filter((name) => process.env[name]).map((name) => `${name}='${process.env[name]}'`).join(' ');
const guest = new Guest({ name: `lab-${board}` });

async function run(script, milliseconds) {
  const { code, stdout, stderr } = await guest.run(script, { milliseconds });
  if (code !== 0) throw new Error(`${code}: ${stdout}${stderr}`);
  return stdout;
}

try {
  await guest.boot();
  await ready(guest);
  await run('/usr/lib/testbed/service stop', 60_000);
  if (board === HARDWARE) await loadEncoder(guest);
  const body = await readFile(PROGRAM);
  const server = createServer((_, response) => response.end(body)).listen(0, HOST);
  await new Promise((resolve) => { server.once('listening', resolve); });
  await run(`
    mkdir -p /tmp/lab
    wget -q -O /tmp/lab/shutter-lab http://${HOST}:${server.address().port}/
    chmod +x /tmp/lab/shutter-lab
    sed 's/${SOFTWARE}/${board}/' /etc/shutterd/shutterd.toml > /tmp/lab/lab.toml
    chown shutterd /tmp/lab`, 60_000);
  server.close();
  // As the service runs: its user, its registry of plugins, its worker.
  const log = await run(`
    setpriv --reuid shutterd --regid shutterd --init-groups \
      env -i PATH=/usr/bin HOME=/var/lib/shutterd GST_REGISTRY_1_0=/var/cache/gstreamer/registry.bin SHUTTERD_LOG=error \
      LAB_CONFIG=/tmp/lab/lab.toml LAB_RECORDS=/tmp/lab/records LAB_SLOW=10 LAB_MINUTES=${minutes} ${asked} \
      /tmp/lab/shutter-lab 2>&1 | tail -n 20`, (minutes + 10) * 60_000);
  console.log(log.trim());
  await appendFile(file, await run('cat /tmp/lab/records', 60_000));
} finally {
  await guest.stop();
}
