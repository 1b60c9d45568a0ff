// SPDX-License-Identifier: MIT OR Apache-2.0
// The two that are measured, and the camera of both. What either is given, the other is given too.

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from '../tests/browser/deadline.mjs';
import { children } from './processes.mjs';
import { Program, until } from './program.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const RELEASE = join(ROOT, 'target/release/');
const BENCH = join(ROOT, 'target/bench/release/');

/** Of a size of which the peer, with an encoder for each viewer, can serve sixteen on two cores. */
export const PICTURE = { width: 640, height: 480, framerate: 30, bitrate: 2_000_000 };
/** `x264enc` as the demo board has it, the number of its threads left to it. */
export const ENCODER = `tune=zerolatency speed-preset=ultrafast bframes=0 key-int-max=120 bitrate=${PICTURE.bitrate / 1000}`;
const CAMERA = 'head';
const LOOPBACK = '127.0.0.1';

const source = (socket) => `shmsrc name=camera socket-path=${socket} is-live=true do-timestamp=true
! video/x-raw,format=I420,width=${PICTURE.width},height=${PICTURE.height},framerate=${PICTURE.framerate}/1`;

/** The camera; `stop` closes it. `pattern` as `videotestsrc` has it, with its properties. */
export async function openCamera(pattern = 'smpte75 horizontal-speed=2') {
  const directory = await mkdtemp(join(tmpdir(), 'shutterd-bench-'));
  const socket = join(directory, 'camera');
  const { width, height, framerate } = PICTURE;
  const program = new Program(`${BENCH}stamped-source`, [width, height, framerate, socket, pattern].map(String));
  await program.line();
  return {
    directory,
    socket,
    async stop() {
      await program.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Viewers that decode nothing, `count` of them, all with their first frame. */
export async function watchers(side, count) {
  const program = new Program(`${BENCH}whep-viewers`, [`${side.origin}${side.endpoint}`, String(count)]);
  await program.line();
  return {
    frames: async () => JSON.parse(await program.line('\n')),
    stop: () => program.stop(),
  };
}

/** This service. */
export class Ours {
  name = 'shutterd';
  camera = CAMERA;
  endpoint = `/whep/${CAMERA}`;
  #warmed = new Set();

  static async start(camera, { prewarm = true, host = LOOPBACK, viewers = 64, settings = process.env.CAMERA ?? '', encoder = ENCODER, env = {} } = {}) {
    const side = new Ours();
    const { directory, socket } = camera;
    const quoted = (text) => JSON.stringify(text);
    await writeFile(join(directory, 'bench.toml'), `
board = "Benchmark: the camera over shared memory"
device = false
needs = ["h264parse", "shmsrc", "x264enc"]
[video.h264]
promise = { profile-level-id = "42e01f" }
launch = """
${source(socket)}
! x264enc name=encoder ${encoder}
! video/x-h264,profile=constrained-baseline
! h264parse
"""
`);
    const { width, height, framerate, bitrate } = PICTURE;
    const file = join(directory, 'shutterd.toml');
    await writeFile(file, `
[http]
listen = "${host}:0"
[control]
socket = ${quoted(join(directory, 'control.sock'))}
[journal]
directory = ${quoted(join(directory, 'journal'))}
[media]
pipelines = [${quoted(directory)}]
prewarm = ${prewarm}
[[camera]]
name = "${CAMERA}"
board = "bench"
width = ${width}
height = ${height}
framerate = ${framerate}
bitrate = ${bitrate}
max-viewers = ${viewers}
${settings}
`);
    // That a spare is warm is said at this level, and nothing else in a session's way.
    const said = { SHUTTERD_LOG: 'info,shutterd::worker::spares=debug' };
    side.program = new Program(`${RELEASE}shutterd`, ['--config', file], { ...said, ...env });
    side.program.child.stderr.on('data', (data) => side.#read(String(data)));
    side.prewarm = prewarm;
    const address = () => side.program.log.match(/http:\/\/[^\s"']+:\d+/)?.[0];
    return ready(side, async () => {
      await until(address);
      side.origin = address();
      await side.warm();
    });
  }

  #read(data) {
    for (const [, pid] of data.matchAll(/worker is warm.*pid=(\d+)/g)) this.#warmed.add(Number(pid));
  }

  /** Waits until a warm spare of each kind is there, so that a start finds it. */
  async warm() {
    if (this.prewarm) await within(until(() => this.#isWarm()), 'warm spares');
  }

  /** Beside the workers that are in use there are two, and the youngest of each kind has said that it is warm. */
  async #isWarm() {
    const { cameras, sessions } = await this.json('/api/v1/status');
    const used = cameras.filter(({ state }) => state !== 'closed').length
      + sessions.filter(({ phase }) => phase !== 'ended').length;
    const workers = await children(this.program.pid);
    const youngest = (kind) => workers.filter(({ args }) => args.includes(kind)).at(-1)?.pid;
    return workers.length === used + 2 && ['camera', 'peer'].every((kind) => this.#warmed.has(youngest(kind)));
  }

  async json(path) {
    return (await fetch(this.origin + path)).json();
  }

  /** From a session's stop until its camera was observed closed, as the service has it. */
  async closedAfter() {
    const entries = await this.#timeline();
    const end = entries.filter(({ table }) => table === 'end');
    return end.find(({ step }) => step === 'close-camera').ended_ms - end[0].asked_ms;
  }

  /** The steps of the last start: milliseconds since it was asked for. */
  async steps() {
    return (await this.#timeline()).filter(({ table }) => table === 'start');
  }

  async #timeline() {
    const { sessions } = await this.json('/api/v1/status');
    const { entries } = await this.json(`/api/v1/sessions/${sessions.at(-1).id}/timeline`);
    return entries;
  }

  stop() {
    return this.program.stop('SIGTERM');
  }
}

/** GStreamer's own WHEP server. */
export class Peer {
  name = 'whepserversink';
  camera = null;
  endpoint = '/whep/endpoint';

  /** `congestion` as `whep-peer` has it, which is the service's own bit rate at the most. */
  static async start(camera, { host = LOOPBACK, congestion = 'disabled' } = {}) {
    const side = new Peer();
    side.origin = `http://${host}:${await freePort(host)}`;
    const args = [side.origin, ENCODER, source(camera.socket), congestion, String(PICTURE.bitrate)];
    side.program = new Program(`${BENCH}whep-peer`, args);
    return ready(side, () => until(() => side.#serves()));
  }

  /** It serves when it has tried its encoder out, and does not say so. */
  async #serves() {
    const answer = await fetch(`${this.origin}${this.endpoint}`, { method: 'OPTIONS' }).catch(() => null);
    return answer?.ok ?? false;
  }

  /** It has nothing to warm. */
  async warm() {}

  stop() {
    return this.program.stop();
  }
}

/** A side once it is ready; one that does not become so is ended all the same. */
async function ready(side, becomes) {
  try {
    await within(becomes(), side.name);
    return side;
  } catch (error) {
    error.message += `\n${side.program.log}`;
    await side.stop();
    throw error;
  }
}

async function freePort(host) {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
