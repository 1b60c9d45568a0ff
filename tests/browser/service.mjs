// SPDX-License-Identifier: MIT OR Apache-2.0
// The real service, with the demo board, on a free port.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEADLINE_MS, within } from './deadline.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BINARY = process.env.SERVICE ?? join(ROOT, 'target/debug/shutterd');

/** What the tests' camera delivers: small, because the tests' machine also decodes it. */
export const CAMERA = { name: 'head', width: 640, height: 360, framerate: 30, maxViewers: 3 };

function config(directory, { listen = '127.0.0.1', camera = '', session = '', webrtc = '' }) {
  const quoted = (text) => JSON.stringify(text);
  return `
[http]
listen = "${listen}:0"
[control]
socket = ${quoted(join(directory, 'control.sock'))}
[journal]
directory = ${quoted(join(directory, 'journal'))}
[media]
pipelines = [${quoted(join(ROOT, 'pipelines'))}]
# The same sum to the observed close, shared out for a machine that decodes the picture as well.
[deadlines]
disable-tracks = "800ms"
destroy-source = "700ms"
await-capture-stopped = "700ms"
destroy-stream = "2s"
destroy-data-channel = "2s"
[session]
${session}
[webrtc]
${webrtc}
[[camera]]
name = "${CAMERA.name}"
board = "demo"
width = ${CAMERA.width}
height = ${CAMERA.height}
framerate = ${CAMERA.framerate}
max-viewers = ${CAMERA.maxViewers}
${camera}
`;
}

export class Service {
  #process;
  #directory;
  #log = '';

  /**
   * Starts it, and returns when it has said its address. `listen` is where; `camera`,
   * `session` and `webrtc` are what these tables of the configuration have besides, as text.
   */
  static async start(given = {}) {
    const service = new Service();
    service.#directory = await mkdtemp(join(tmpdir(), 'shutterd-test-'));
    const file = join(service.#directory, 'shutterd.toml');
    await writeFile(file, config(service.#directory, given));
    service.#process = spawn(BINARY, ['--config', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    service.#process.once('error', (error) => { service.#log += error.message; });
    service.exited = once(service.#process, 'exit').catch(() => [null, null]);
    try {
      service.address = await within(service.#said(/http:\/\/[^\s"']+:\d+/), 'the address of the service');
      const health = await service.get('/healthz');
      assert.equal(health.status, 200, 'health');
    } catch (error) {
      service.#process.kill('SIGKILL');
      error.message += `\n${service.#log}`;
      throw error;
    }
    return service;
  }

  get log() {
    return this.#log;
  }

  #said(pattern) {
    return new Promise((resolve, reject) => {
      const take = (data) => {
        this.#log += data;
        const found = this.#log.match(pattern);
        if (found) resolve(found[0]);
      };
      this.#process.stdout.on('data', take);
      this.#process.stderr.on('data', take);
      this.exited.then(() => reject(new Error('the service ended before it was ready')));
    });
  }

  get(path, signal = AbortSignal.timeout(DEADLINE_MS)) {
    return fetch(this.address + path, { signal });
  }

  async json(path) {
    const response = await this.get(path);
    assert.equal(response.status, 200, path);
    return response.json();
  }

  /** The camera's entry of `/api/v1/cameras`. */
  async camera(name = CAMERA.name) {
    const { cameras } = await this.json('/api/v1/cameras');
    return cameras.find((camera) => camera.name === name);
  }

  /** What ran in a session, in the order in which it was asked for. */
  async timeline(id) {
    const { entries } = await this.json(`/api/v1/sessions/${id}/timeline`);
    return entries;
  }

  /** Waits, by long poll, for a status that is `wanted`. */
  async status(wanted, what) {
    const abort = new AbortController();
    let status;
    const follow = async () => {
      status = await this.json('/api/v1/status');
      while (!wanted(status)) {
        const response = await this.get(`/api/v1/status?after=${status.serial}`, abort.signal);
        status = await response.json();
      }
      return status;
    };
    try {
      return await within(follow(), what);
    } catch (error) {
      error.message += `; last status: ${JSON.stringify(status)}`;
      throw error;
    } finally {
      abort.abort();
    }
  }

  /** Waits until the newest session is running: not only the first packet has left, it is known. */
  async running() {
    const { sessions } = await this.status(({ sessions: all }) => all.at(-1)?.phase === 'running', 'running');
    return sessions.at(-1);
  }

  /** Waits until the camera is observed closed and no session is alive. */
  closed() {
    const over = ({ cameras, sessions }) => cameras.every(({ state }) => state === 'closed')
      && sessions.every(({ phase }) => phase === 'ended');
    return this.status(over, 'the camera observed closed');
  }

  /** Ends it as systemd does. It must end by itself, and well. */
  async stop() {
    this.#process.kill('SIGTERM');
    try {
      const [code, signal] = await within(this.exited, 'the end of the service');
      assert.deepEqual({ code, signal }, { code: 0, signal: null }, this.#log);
    } finally {
      this.#process.kill('SIGKILL');
      await rm(this.#directory, { recursive: true, force: true });
    }
  }
}
