// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The QEMU device as a test sees it: boot it, run shell scripts in it, read its log, stop it. Must run under plugged.sh.

import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const images = path.join(repository, 'target/qemu');

/** The device's address on the network of the tests. */
export const address = '10.77.0.2';

/** QEMU's arguments for a device with LEDs: their driver is `modprobe leds-gpio`, that of the one which is owned `modprobe led_bl`. */
export const leds = ['-dtb', path.join(images, 'led.dtb')];

// The agent listens behind a second card whose other end is QEMU's own user network: only the namespace's loopback reaches it.
const agent = { host: '127.0.0.1', port: 8090 };

const kernelParameters = [
  'console=ttyAMA0',
  'loglevel=4',
  'panic=-1', // with -no-reboot a kernel panic ends QEMU, and boot() says so at once
  'mitigations=off',
  'apparmor=0',
  'selinux=0',
  'audit=0',
];

/**
 * A shell script that prints "PID USER COMMAND" for each process with `device` open; also when the node has gone since.
 * One `find` and no loop over descriptors: starting a program for each would take seconds on the emulated processor.
 */
export const cameraHolders = (device = '/dev/video0') => `
  find /proc/[0-9]*/fd -maxdepth 1 \\( -lname ${device} -o -lname '${device} (deleted)' \\) -printf '%h\\n' 2>/dev/null |
  sort -u | while read -r fds; do
    process=\${fds%/fd}
    echo "\${process#/proc/} $(stat -c %U "$process") $(tr '\\0' ' ' < "$process/cmdline")"
  done`;

/** The device. Nothing is kept on its disks: every boot starts from the image. */
export class Guest {
  #qemu;
  #exited;
  #exit = 'QEMU was not started';
  #serial = '';
  #serialWatchers = new Set();

  /**
   * @param {object} [options]
   * @param {string} [options.name] names the serial log; the test file's name unless given
   * @param {string[]} [options.append] more kernel parameters
   * @param {string[]} [options.qemu] more QEMU arguments, e.g. `leds`
   * @param {boolean} [options.systemd] boots systemd, as an appliance does, instead of a script
   * @param {string} [options.product] the disk with the product: `product`, or `faults` for the build in which faults can be planted
   */
  constructor({ name = path.basename(process.argv[1] ?? 'guest', '.test.mjs'), append = [], qemu = [], product = 'product', systemd = false } = {}) {
    this.serialLog = path.join(images, 'log', `${name}.serial.log`);
    this.append = [...append, ...(systemd ? ['labinit=/usr/lib/systemd/systemd', 'systemd.show_status=0', 'net.ifnames=0'] : [])];
    this.systemd = systemd;
    this.disks = ['root', product, ...(systemd ? ['appliance'] : [])];
    this.extraArguments = qemu;
    rmSync(this.serialLog, { force: true });
  }

  /** Resolves when the device answers; also when it was switched off before. `milliseconds` bounds the whole boot. */
  async boot({ milliseconds = 120_000 } = {}) {
    const tap = process.env.SHUTTERD_TEST_TAP;
    if (!tap) throw new Error('no test network: run this through tests/qemu/plugged.sh');
    for (const file of ['kernel', 'initrd.cpio', ...this.disks.map((name) => `${name}.img`)]) {
      if (!existsSync(path.join(images, file))) throw new Error(`target/qemu/${file} is missing: run \`make image\``);
    }
    mkdirSync(path.dirname(this.serialLog), { recursive: true });
    const deadline = Date.now() + milliseconds;
    this.#serial = '';

    this.#qemu = spawn('qemu-system-aarch64', this.#arguments(tap), { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#exited = new Promise((resolve) => {
      this.#qemu.once('error', (error) => resolve(`QEMU did not start: ${error.message}`));
      this.#qemu.once('exit', (code, signal) => resolve(`QEMU ended (${signal ?? `code ${code}`})`));
    }).then((how) => (this.#exit = how));
    // A test process that ends without stop() must not leave the device behind.
    const qemu = this.#qemu;
    process.once('exit', () => qemu.kill('SIGKILL'));
    this.#record();

    await this.serial(/testbed: [\d.]+ agent ready/, { milliseconds });
    // The line says that the agent was started; the first answer says that it listens.
    for (;;) {
      try {
        await this.run('true', { milliseconds: 5000 });
        return this;
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`the agent did not answer in time: ${error.message}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  #arguments(tap) {
    const disk = (name) => [
      '-drive', `if=none,id=${name},file=${path.join(images, name)}.img,format=raw,readonly=on`,
      '-device', `virtio-blk-pci,drive=${name}`,
    ];
    return [
      '-M', 'virt', '-cpu', 'cortex-a53', '-accel', 'tcg,thread=multi', '-smp', '2', '-m', '1024',
      '-nodefaults', '-display', 'none', '-no-reboot', '-serial', 'stdio',
      '-kernel', path.join(images, 'kernel'), '-initrd', path.join(images, 'initrd.cpio'),
      '-append', [...kernelParameters, ...this.append].join(' '),
      ...this.disks.flatMap(disk),
      '-netdev', `tap,id=net,ifname=${tap},script=no,downscript=no`,
      '-device', 'virtio-net-pci,netdev=net,mac=52:54:00:77:00:02,romfile=',
      // The agent finds its card by this address.
      '-netdev', `user,id=agent,restrict=on,hostfwd=tcp:${agent.host}:${agent.port}-10.0.2.15:8090`,
      '-device', 'virtio-net-pci,netdev=agent,mac=52:54:00:77:00:01,romfile=',
      '-device', 'virtio-rng-pci', // DTLS at once, instead of after the processor has gathered entropy
      ...this.extraArguments,
    ];
  }

  #record() {
    const file = createWriteStream(this.serialLog, { flags: 'a' });
    const take = (chunk) => {
      file.write(chunk);
      this.#serial += chunk.toString('latin1');
      for (const watcher of this.#serialWatchers) watcher();
    };
    this.#qemu.stdout.on('data', take);
    this.#qemu.stderr.on('data', take);
    this.#exited.then(() => file.end());
  }

  /** Resolves with the match when the serial console has shown `pattern`, at any time since it was switched on. */
  async serial(pattern, { milliseconds = 30_000 } = {}) {
    let watcher, timer;
    const shown = new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${why} before the serial console showed ${pattern}; see ${this.serialLog}\n` +
        this.#serial.slice(-2000)));
      watcher = () => {
        const match = pattern.exec(this.#serial);
        if (match) resolve(match);
      };
      this.#serialWatchers.add(watcher);
      timer = setTimeout(() => fail(`${milliseconds} ms passed`), milliseconds);
      this.#exited.then(fail);
      watcher();
    });
    try {
      return await shown;
    } finally {
      clearTimeout(timer);
      this.#serialWatchers.delete(watcher);
    }
  }

  /**
   * Runs a shell script in the device as root. The script may be cut short: `milliseconds` kills it there, and `code` is 137.
   * @returns {Promise<{code: number, stdout: string, stderr: string, output: Buffer}>} `output` is stdout as bytes
   */
  run(script, { milliseconds = 30_000 } = {}) {
    return new Promise((resolve, reject) => {
      const body = Buffer.from(script);
      const seconds = Math.ceil(milliseconds / 1000);
      const request = http.request({
        ...agent,
        method: 'POST',
        path: `/cgi-bin/run?${seconds}`,
        headers: { 'Content-Length': body.length },
        agent: false, // the server closes after every answer
        // The device keeps the limit; this one is for a device that has stopped answering.
        signal: AbortSignal.timeout(milliseconds + 5000),
      });
      const fail = (error) => reject(new Error(`no answer from the device (${this.#qemu?.exitCode === null ? 'QEMU runs' : this.#exit}): ` +
        error.message, { cause: error }));
      request.once('error', fail);
      request.once('response', (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.once('error', fail);
        response.once('end', () => {
          const all = Buffer.concat(chunks);
          const code = Number(response.headers['exit-status']);
          if (response.statusCode !== 200 || !Number.isInteger(code)) {
            fail(new Error(`the agent answered ${response.statusCode}: ${all.toString().slice(0, 500)}`));
            return;
          }
          const length = Number(response.headers['stdout-length']);
          const output = all.subarray(0, length);
          resolve({ code, stdout: output.toString(), stderr: all.subarray(length).toString(), output });
        });
      });
      request.end(body);
    });
  }

  /** What shutterd has written since the device booted; of an appliance the whole journal. */
  async log() {
    const read = this.systemd ? 'journalctl -b --no-pager -o short-monotonic' : 'cat /var/log/shutterd.log 2>/dev/null || true';
    return (await this.run(read)).stdout;
  }

  /** The processes that have the camera open, looked up under /proc by the test and not by the product. */
  async cameraHolders(device = '/dev/video0') {
    const { stdout } = await this.run(cameraHolders(device));
    return stdout.split('\n').filter(Boolean).map((line) => {
      const [, pid, user, command] = /^(\d+) (\S+) (.*)$/.exec(line);
      return { pid: Number(pid), user, command: command.trim() };
    });
  }

  get isOff() {
    return !this.#qemu || this.#qemu.exitCode !== null;
  }

  /** Resolves when the device has switched itself off. */
  async off(milliseconds = 60_000) {
    const late = setTimeout(() => this.#qemu.kill('SIGKILL'), milliseconds);
    const how = await this.#exited;
    clearTimeout(late);
    if (this.#qemu.exitCode !== 0) throw new Error(`the device did not switch itself off: ${how}\n${this.#serial.slice(-2000)}`);
  }

  /** Ends the device as a pulled plug would. Its disks are read only, so there is nothing to lose. */
  async stop() {
    if (!this.#qemu || this.#qemu.pid === undefined) return;
    this.#qemu.kill('SIGTERM');
    const late = setTimeout(() => this.#qemu.kill('SIGKILL'), 5000);
    await this.#exited;
    clearTimeout(late);
  }
}
