// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A viewer: a page of Chromium that watches the camera in either role and says what it saw. `whep`: the viewer offers.
// `websocket`: the device offers.

import assert from 'node:assert/strict';

import { origin } from './service.mjs';

/** Runs in the page; everything a viewer does stands here, so that its times are the browser's own. */
function installWatch() {
  let watch; // the session of now: one at a time in each page

  const note = (change) => {
    Object.assign(watch, change);
    for (const check of [...watch.waiting]) check();
  };

  // The one way to wait here: looked at again whenever something was noted; a frame is noted, too.
  const until = (what, condition, milliseconds) => new Promise((resolve, reject) => {
    const { waiting, state } = watch;
    const late = setTimeout(() => done(reject, new Error(`no ${what} in ${milliseconds} ms: ${JSON.stringify(state())}`)), milliseconds);
    const check = () => {
      try {
        if (watch.failure) throw new Error(watch.failure);
        if (condition()) done(resolve);
      } catch (error) {
        done(reject, error);
      }
    };
    const done = (settle, value) => {
      clearTimeout(late);
      waiting.delete(check);
      settle(value);
    };
    waiting.add(check);
    check();
  });

  const begin = () => {
    watch?.peer.close();
    watch?.video.remove();
    const peer = new RTCPeerConnection();
    const video = document.createElement('video');
    video.muted = true;
    document.body.append(video);
    const mine = watch = { peer, video, frames: 0, waiting: new Set(), messages: [], canvas: document.createElement('canvas') };
    mine.state = () => ({
      frames: mine.frames, messages: mine.messages, ice: peer.iceConnectionState, peer: peer.connectionState,
      offer: (peer.localDescription ?? {}).sdp, answer: (peer.remoteDescription ?? {}).sdp,
    });
    peer.ontrack = ({ track }) => {
      if (track.kind !== 'video') return;
      const count = () => {
        if (mine !== watch) return;
        video.requestVideoFrameCallback(count);
        note({ frames: mine.frames + 1, firstFrame: mine.firstFrame ?? performance.now() });
      };
      video.requestVideoFrameCallback(count);
      video.srcObject = new MediaStream([track]);
      video.play().catch(() => {}); // refused when the next session replaces the element
    };
    return peer;
  };

  const whep = async (peer, codec, camera) => {
    const transceiver = peer.addTransceiver('video', { direction: 'recvonly' });
    const wanted = RTCRtpReceiver.getCapabilities('video').codecs
      .filter(({ mimeType }) => mimeType.toLowerCase() === `video/${codec}` || mimeType === 'video/rtx');
    transceiver.setCodecPreferences(wanted);
    await peer.setLocalDescription();
    peer.onicegatheringstatechange = () => note({});
    await until('candidates', () => peer.iceGatheringState === 'complete', 5000);
    watch.asked = performance.now();
    const response = await fetch(`/whep/${camera}`, {
      method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: peer.localDescription.sdp,
    });
    const body = await response.text();
    if (response.status !== 201) return { status: response.status, problem: JSON.parse(body) };
    watch.described = performance.now();
    watch.location = response.headers.get('Location');
    await peer.setRemoteDescription({ type: 'answer', sdp: body });
    return { session: watch.location.split('/').pop() };
  };

  const websocket = async (peer, codec, camera) => {
    const mine = watch;
    watch.asked = performance.now();
    const socket = new WebSocket(`ws://${location.host}/ws/${camera}?codecs=${codec}`);
    watch.socket = socket;
    const say = (message) => socket.send(JSON.stringify({ ...message, session: mine.session, generation: mine.generation }));
    watch.bye = () => say({ type: 'bye' });
    peer.onicecandidate = ({ candidate }) => {
      if (socket.readyState === WebSocket.OPEN) say({ type: 'candidate', candidate });
    };
    const heard = {
      session: ({ session, generation }) => Object.assign(mine, { session, generation }),
      offer: async ({ sdp }) => {
        mine.described = performance.now();
        await peer.setRemoteDescription({ type: 'offer', sdp });
        await peer.setLocalDescription();
        say({ type: 'answer', sdp: peer.localDescription.sdp });
      },
      candidate: ({ candidate }) => peer.addIceCandidate(candidate),
      refused: ({ problem }) => { mine.problem = problem; },
      ended: ({ outcome }) => { mine.outcome = outcome; mine.endedAt = performance.now(); },
    };
    let before = Promise.resolve(); // a candidate must not overtake the offer
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      before = before.then(() => heard[message.type]?.(message)).then(
        () => { mine.messages.push(message.type); if (mine === watch) note({}); },
        (error) => { mine.failure = `${message.type}: ${error}`; if (mine === watch) note({}); },
      );
    };
    socket.onclose = () => before.then(() => { mine.socketClosed = true; if (mine === watch) note({}); });
    await until('answer', () => mine.described || mine.problem || mine.outcome || mine.socketClosed, 20_000);
    if (mine.problem) return { status: mine.problem.status, problem: mine.problem };
    if (!mine.described) return { outcome: mine.outcome };
    return { session: mine.session };
  };

  globalThis.startWatching = async (role, codec, camera) => {
    const peer = begin();
    return role === 'whep' ? whep(peer, codec, camera) : websocket(peer, codec, camera);
  };

  /** A session whose offer is never answered: it stays in its start until the deadline. Resolves with it when the offer is there. */
  globalThis.leaveOffer = () => new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${location.host}/ws/head?codecs=h264`);
    let session;
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'session') session = message.session;
      if (message.type === 'offer') resolve(session);
      if (message.type === 'refused' || message.type === 'ended') reject(new Error(data));
    };
    socket.onclose = () => reject(new Error('closed before there was an offer'));
  });

  /** Resolves when `more` frames have been shown since now, or since the session began. */
  globalThis.framesShown = async (more, since, milliseconds) => {
    const from = since === 'now' ? watch.frames : 0;
    await until(`${more} frames`, () => {
      const enough = watch.frames >= from + more;
      if (!enough && watch.outcome) throw new Error(`the session ended: ${JSON.stringify(watch.outcome)}`);
      return enough;
    }, milliseconds);
    return { toDescription: watch.described - watch.asked, toFirstFrame: watch.firstFrame - watch.asked };
  };

  const pixels = () => {
    const { canvas, video } = watch;
    Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(video, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height).data;
  };

  /** Looks at the picture until it has changed, and says what it is. */
  globalThis.lookAtPicture = async (milliseconds) => {
    const first = pixels();
    let changed = 0;
    let seen = watch.frames;
    await until('change of the picture', () => {
      if (watch.frames === seen) return false;
      seen = watch.frames;
      const now = pixels();
      changed = 0;
      // Coding noise stays below this; a figure that has moved does not.
      for (let i = 0; i < now.length; i += 4) changed += Math.abs(now[i + 1] - first[i + 1]) > 64;
      return changed > 20;
    }, milliseconds);
    const colours = new Set();
    for (let i = 0; i < first.length; i += 4) colours.add([0, 1, 2].map((channel) => first[i + channel] >> 6).join());
    const stats = [...(await watch.peer.getStats()).values()];
    const stream = stats.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
    return {
      width: watch.video.videoWidth, height: watch.video.videoHeight, changed, colours: colours.size,
      codec: stats.find(({ id }) => id === stream.codecId)?.mimeType, decoded: stream.framesDecoded,
    };
  };

  /** Ends the session as this role does; resolves when the device has said that it has ended. */
  globalThis.stopWatching = async () => {
    const began = performance.now();
    if (watch.location) {
      const response = await fetch(watch.location, { method: 'DELETE' });
      if (response.status !== 200) throw new Error(`DELETE: ${response.status} ${await response.text()}`);
      watch.outcome = await response.json();
    } else {
      if (!watch.outcome) watch.bye();
      await until('`ended`', () => watch.outcome, 20_000);
    }
    watch.peer.close();
    return { outcome: watch.outcome, took: performance.now() - began };
  };

  globalThis.sessionEnded = async (milliseconds) => {
    await until('`ended`', () => watch.outcome, milliseconds);
    return watch.outcome;
  };
}

/** A page that watches; sessions may follow one another in it. */
export class Viewer {
  #page;

  /** A page of its own, in place of the one it had. */
  async open(browser) {
    await this.#page?.close();
    this.#page = await browser.newPage();
    await this.#page.goto(origin); // the service's own origin: no other page may ask it
    await this.#page.evaluate(installWatch);
  }

  /**
   * Starts a session. Resolves with `{session}` when the device has answered or offered, with `{status, problem}` when it
   * refuses, or with `{outcome}` when the session ended before the device had offered.
   */
  attempt(role, codec = 'h264', camera = 'head') {
    return this.#page.evaluate((a) => startWatching(...a), [role, codec, camera]);
  }

  async start(role, codec = 'h264', camera = 'head') {
    const { session, status, ...why } = await this.attempt(role, codec, camera);
    assert.ok(session, `refused with ${status}: ${JSON.stringify(why)}`);
    return session;
  }

  /** A session that stays in its start: the device has offered, and nobody answers. */
  offered() {
    return this.#page.evaluate(() => leaveOffer());
  }

  /** Resolves with the times of the session so far. `since`: `start` or `now`. */
  frames(count, { since = 'start', milliseconds = 30_000 } = {}) {
    return this.#page.evaluate((a) => framesShown(...a), [count, since, milliseconds]);
  }

  picture(milliseconds = 20_000) {
    return this.#page.evaluate((limit) => lookAtPicture(limit), milliseconds);
  }

  stop() {
    return this.#page.evaluate(() => stopWatching());
  }

  /** The outcome that the device sends by itself; WebSocket only, WHEP has no way to send one. */
  ended(milliseconds = 20_000) {
    return this.#page.evaluate((limit) => sessionEnded(limit), milliseconds);
  }

  /** Closes the page without a word to the device. */
  close() {
    return this.#page.close();
  }
}
