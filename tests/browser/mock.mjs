// SPDX-License-Identifier: MIT OR Apache-2.0
// A device that can be told to fail: the API's JSON over real HTTP and WebSocket, a canvas for a
// camera. It tests how the page meets failures that the real service does not produce on demand,
// and it lets the page be worked on without a device: `node mock.mjs` prints its address.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { setTimeout as pass } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { END, START } from '../../src/web/steps.js';
import { launch } from './browser.mjs';
import { within } from './deadline.mjs';
import { openCamera } from './mock-camera.mjs';
import { WebSocketConnection } from './websocket-server.mjs';

const WEB = new URL('../../src/web/', import.meta.url);
const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' };
const LONG_POLL_MS = 15_000;

export class MockDevice {
  refusal = null; // a problem document: every start is refused with it
  failAt = null; // { step, fault }: every start fails there
  unclean = []; // what every end leaves behind
  held = [];
  shut = []; // what keeps cameras closed
  #serial = 1;
  #generation = 0;
  #sessions = new Map();
  #waiters = new Set();
  #server;

  constructor(cameras = ['head']) {
    this.cameras = cameras.map((name) => ({ name, board: 'demo', state: 'closed', viewers: 0, max_viewers: 8 }));
  }

  async start(browser) {
    this.#server = createServer((request, response) => {
      this.#route(request, response).catch((error) => response.writeHead(500).end(error.stack));
    });
    this.#server.on('upgrade', (request, socket) => this.#upgrade(request, socket));
    await new Promise((resolve) => { this.#server.listen(0, '127.0.0.1', resolve); });
    this.address = `http://127.0.0.1:${this.#server.address().port}`;
    this.camera = await openCamera(browser, this.address);
    return this;
  }

  /** Idempotent: a test may end the device before its time. */
  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => { this.#server.close(resolve); });
    await this.camera.close();
  }

  /** The session that was begun last. */
  get last() {
    return [...this.#sessions.values()].at(-1);
  }

  /** As after a restart: nothing is known of any session. */
  forget() {
    this.#sessions.clear();
    this.publish();
  }

  /** Waits until that session has ended. */
  async ended(session) {
    while (session.status.phase !== 'ended') {
      await within(new Promise((resolve) => { this.#waiters.add(resolve); }), 'the end of the session');
    }
  }

  publish(session) {
    this.#serial += 1;
    if (session) session.status.serial = this.#serial;
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }

  #status() {
    return {
      version: '0.1.0-mock',
      serial: this.#serial,
      stopping: false,
      shut: this.shut,
      cameras: this.cameras,
      sessions: [...this.#sessions.values()].map(({ status }) => status),
    };
  }

  async #route(request, response) {
    const url = new URL(request.url, this.address);
    const [top, name, id] = url.pathname.split('/').slice(1);
    const json = (body) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    if (url.pathname === '/api/v1/status') {
      if (url.searchParams.get('after') === String(this.#serial)) {
        await Promise.race([new Promise((resolve) => { this.#waiters.add(resolve); }), pass(LONG_POLL_MS, null, { ref: false })]);
      }
      return json(this.#status());
    }
    const timeline = url.pathname.match(/^\/api\/v1\/sessions\/(\w+)\/timeline$/);
    if (timeline) {
      const session = this.#sessions.get(timeline[1]);
      return json({ session: session.status, entries: session.entries });
    }
    const ended = request.method === 'DELETE' && url.pathname.match(/^\/api\/v1\/sessions\/(\w+)$/);
    if (ended) {
      this.end(this.#sessions.get(ended[1]));
      return response.writeHead(204).end();
    }
    if (top === 'whep') return this.#whep(request, response, name, this.#sessions.get(id));
    if (top === 'mock-camera') return response.writeHead(200, { 'Content-Type': 'text/html' }).end();
    const file = url.pathname === '/' ? 'index.html' : url.pathname.slice(1);
    const content = await readFile(new URL(file, WEB)).catch(() => null);
    if (!content) return response.writeHead(404).end();
    const headers = { 'Content-Type': TYPES[file.split('.').at(-1)], 'Content-Security-Policy': "default-src 'self'" };
    return response.writeHead(200, headers).end(content);
  }

  async #whep(request, response, camera, session) {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.method === 'POST') {
      const problem = this.refusal;
      if (problem) return response.writeHead(problem.status, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify(problem));
      const begun = this.#begin(camera, 'answerer');
      await this.#steps(begun, 0, 7);
      const answer = await this.camera('answer', begun.status.id, body);
      await this.#steps(begun, 7, 9);
      response.writeHead(201, { 'Content-Type': 'application/sdp', Location: `/whep/${camera}/${begun.status.id}`, ETag: '"1"' }).end(answer);
      return this.#connect(begun);
    }
    if (!session) return response.writeHead(404).end();
    if (request.method === 'PATCH') {
      for (const [, candidate] of body.matchAll(/^a=(candidate:.*?)\r?$/gm)) {
        await this.camera('candidate', session.status.id, { candidate, sdpMLineIndex: 0 });
      }
      return response.writeHead(request.headers['if-match'] === '"1"' ? 204 : 412).end();
    }
    this.end(session);
    return response.writeHead(200).end();
  }

  async #upgrade(request, socket) {
    const link = new WebSocketConnection(request, socket);
    if (this.refusal) {
      link.send({ type: 'refused', problem: this.refusal });
      return link.close();
    }
    const camera = new URL(request.url, this.address).pathname.split('/')[2];
    const session = this.#begin(camera, 'offerer');
    session.link = link;
    const { id, generation } = session.status;
    const answered = new Promise((resolve) => {
      link.on('message', async (message) => {
        if (message.type === 'answer') resolve(message.sdp);
        if (message.type === 'candidate' && message.candidate.candidate) await this.camera('candidate', id, message.candidate);
        if (message.type === 'bye') this.end(session);
      });
    });
    link.send({ type: 'session', session: id, generation, camera });
    if (!await this.#steps(session, 0, 7)) return undefined;
    link.send({ type: 'offer', session: id, generation, sdp: await this.camera('offer', id) });
    await this.#steps(session, 7, 8, answered);
    await this.camera('accept', id, await answered);
    await this.#steps(session, 8, 9);
    return this.#connect(session);
  }

  #begin(camera, role) {
    const id = randomBytes(8).toString('hex');
    this.#generation += 1;
    const status = { id, generation: this.#generation, serial: 0, camera, role, codec: 'h264', phase: 'starting', asked_at: new Date().toISOString() };
    const session = { status, entries: [], origin: performance.now() };
    this.#sessions.set(id, session);
    return session;
  }

  async #connect(session) {
    await this.#steps(session, 9, 10);
    const connected = this.camera('connected', session.status.id).catch(() => {});
    await this.#steps(session, 10, 11, connected);
    if (!await this.#steps(session, 11, 12)) return;
    session.status.phase = 'running';
    delete session.status.step;
    session.link?.send({ type: 'running' });
    this.publish(session);
  }

  /** Runs the start steps of that range; the last of them waits for `event`. Whether all were done. */
  async #steps(session, from, to, event) {
    for (const [at, { step }] of [...START[session.status.role].entries()].slice(from, to)) {
      if (session.status.phase !== 'starting') return false;
      const camera = this.cameras.find(({ name }) => name === session.status.camera);
      if (step === 'open-camera') Object.assign(camera, { state: camera.viewers ? 'open' : 'opening', viewers: camera.viewers + 1 });
      if (step === 'create-source') Object.assign(camera, { state: 'open', codec: 'h264' });
      const fault = this.failAt?.step === step ? this.failAt.fault : null;
      await this.#entry(session, 'start', at + 1, step, event ?? pass(1 + Math.random() * 8), fault);
      if (fault) {
        this.end(session, { kind: 'start-failed', step, fault });
        return false;
      }
    }
    return true;
  }

  async #entry(session, table, number, step, event, fault) {
    const now = () => performance.now() - session.origin;
    const entry = { table, number, step, asked_ms: now(), began_ms: now(), ended_ms: null, result: 'in-progress' };
    session.entries.push(entry);
    session.status.step = step;
    this.publish(session);
    await event;
    entry.ended_ms = now();
    entry.result = fault ? 'failed' : 'done';
    if (fault) entry.note = fault.detail;
  }

  /** Ends a session, as the device does it. */
  async end(session, cause = { kind: 'requested', by: 'viewer' }) {
    const { status, link } = session;
    if (['stopping', 'ended'].includes(status.phase)) return;
    status.phase = 'stopping';
    const camera = this.cameras.find(({ name }) => name === status.camera);
    camera.viewers -= 1;
    if (!camera.viewers) camera.state = 'closing';
    for (const [at, { step }] of END.entries()) {
      await this.#entry(session, 'end', at + 1, step, pass(1 + Math.random() * 6));
      if (step === 'close-camera' && !camera.viewers) {
        camera.state = this.held.length ? 'wedged' : 'closed';
        delete camera.codec;
        if (this.held.length) camera.fault = { code: 'camera-wedged', detail: '/dev/video0 is held by pid 4711 (capture)' };
      }
    }
    status.phase = 'ended';
    delete status.step;
    status.outcome = { cause, unclean: this.unclean, held: this.held };
    await this.camera('drop', status.id);
    this.publish(session);
    link?.send({ type: 'ended', outcome: status.outcome });
    link?.close();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const browser = await launch({ args: ['--disable-features=WebRtcHideLocalIpsWithMdns'] });
  const device = await new MockDevice(['head', 'helmet']).start(browser);
  console.log(device.address);
}
