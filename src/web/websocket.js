// SPDX-License-Identifier: MIT OR Apache-2.0
// WebSocket: the device offers.

import { Peer, receivableCodecs } from './peer.js';
import { problemOf } from './problem.js';

export class WebSocketPeer extends Peer {
  #socket = null;
  #generation = null;
  #over = false; // ended or refused: nothing more is to be said
  #bye = false;

  start() {
    const url = new URL(`/ws/${encodeURIComponent(this.camera)}`, location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.searchParams.set('codecs', receivableCodecs().join(','));
    this.#socket = new WebSocket(url);
    // One message after the other: a candidate must not overtake the offer it belongs to.
    let turn = Promise.resolve();
    this.#socket.onmessage = ({ data }) => {
      turn = turn.then(() => this.#take(JSON.parse(data))).catch((error) => this.#failed(error));
    };
    this.#socket.onclose = () => this.#lost();
    this.connection.onicecandidate = ({ candidate }) => {
      const { candidate: text = '', sdpMLineIndex = 0 } = candidate ?? {};
      this.#say('candidate', { candidate: { candidate: text, sdpMLineIndex } });
    };
  }

  async #take(message) {
    if (this.closed) return;
    switch (message.type) {
      case 'session':
        this.#generation = message.generation;
        this.began(message.session, message.generation);
        break;
      case 'offer': {
        await this.connection.setRemoteDescription({ type: 'offer', sdp: message.sdp });
        const answer = await this.connection.createAnswer();
        await this.connection.setLocalDescription(answer);
        this.#say('answer', { sdp: answer.sdp });
        break;
      }
      case 'candidate':
        await this.connection.addIceCandidate(message.candidate);
        break;
      case 'running':
        this.tell('running');
        break;
      case 'ended':
        this.#over = true;
        this.tell('ended', message.outcome);
        break;
      case 'refused':
        this.#over = true;
        this.tell('refused', message.problem);
        break;
      case 'problem':
        this.tell('problem', message.problem);
        break;
      default: // a later version's word
    }
  }

  #say(type, body = {}) {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const named = { type, session: this.session, generation: this.#generation };
    this.#socket.send(JSON.stringify({ ...named, ...body }));
  }

  #failed(error) {
    if (this.closed) return;
    this.tell('problem', {
      title: 'The browser could not take the device’s message',
      detail: error.message,
      code: 'negotiation-failed',
    });
  }

  #lost() {
    if (this.#over || this.#bye || this.closed) return undefined;
    if (this.connection.connectionState === 'connected') return this.tell('signalling-lost');
    this.#over = true;
    return this.tell('refused', {
      title: this.session ? 'The device closed the signalling connection' : 'The device cannot be reached',
      detail: 'The WebSocket ended before the picture was connected.',
      remedy: 'check that the device is on and on the same network, then try again',
      code: 'signalling-gone',
    });
  }

  /** Asks the device to end the session. */
  async stop() {
    if (this.#over || this.#bye) return;
    this.#bye = true;
    if (!this.session) {
      this.#socket.close();
    } else if (this.#socket.readyState === WebSocket.OPEN) {
      this.#say('bye');
    } else {
      // The signalling connection is gone and the session is not: the API ends it.
      const response = await fetch(`/api/v1/sessions/${this.session}`, { method: 'DELETE' });
      if (!response.ok && response.status !== 404) this.tell('problem', await problemOf(response));
    }
  }

  /** The page goes away. */
  abandon() {
    if (!this.#over && !this.#bye && this.session) this.#say('bye');
    this.close();
  }

  close() {
    super.close();
    this.#over = true;
    this.#socket?.close();
  }
}
