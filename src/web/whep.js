// SPDX-License-Identifier: MIT OR Apache-2.0
// WHEP: the viewer offers. The offer goes out at once; candidates follow by PATCH.

import { Peer, receivableCodecs } from './peer.js';
import { problemOf, unreachable } from './problem.js';

export class WhepPeer extends Peer {
  #location = null;
  #etag = null;
  #ended = false;
  #waiting = []; // candidates not yet sent; null stands for "no more"
  #patching = false;
  #posted = null;

  start() {
    this.connection.onicecandidate = ({ candidate }) => {
      this.#waiting.push(candidate);
      this.#patch();
    };
    this.#posted = this.#negotiate();
    return this.#posted;
  }

  async #negotiate() {
    try {
      const video = this.connection.addTransceiver('video', { direction: 'recvonly' });
      preferKnownCodecs(video);
      // Without a data section in the offer the device cannot have a channel either.
      this.connection.createDataChannel('shutter');
      const offer = await this.connection.createOffer();
      await this.connection.setLocalDescription(offer);
      const response = await fetch(`/whep/${encodeURIComponent(this.camera)}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/sdp', Accept: 'application/sdp' },
        body: offer.sdp,
      });
      if (!response.ok) return this.tell('refused', await problemOf(response));
      this.#location = new URL(response.headers.get('Location'), response.url);
      this.#etag = response.headers.get('ETag');
      this.began(this.#location.pathname.split('/').filter(Boolean).at(-1));
      const sdp = await response.text();
      if (this.closed || this.#ended) return undefined;
      await this.connection.setRemoteDescription({ type: 'answer', sdp });
      return this.#patch();
    } catch (error) {
      if (this.closed) return undefined;
      return this.tell(this.#location ? 'problem' : 'refused', unreachable(error));
    }
  }

  // One PATCH at a time, in order; what comes meanwhile goes with the next.
  async #patch() {
    if (this.#patching || !this.#location || this.#ended) return;
    this.#patching = true;
    try {
      while (this.#waiting.length && !this.closed && !this.#ended) {
        const candidates = this.#waiting.splice(0);
        const headers = { 'Content-Type': 'application/trickle-ice-sdpfrag' };
        if (this.#etag) headers['If-Match'] = this.#etag;
        const body = fragment(this.connection.localDescription.sdp, candidates);
        const response = await fetch(this.#location, { method: 'PATCH', headers, body });
        // The device may well connect without these; if it does not, the session's end says so.
        if (!response.ok) console.warn(`candidates refused: ${response.status}`);
      }
    } catch (error) {
      console.warn(`candidates not sent: ${error.message}`);
    } finally {
      this.#patching = false;
    }
  }

  /** Asks the device to end the session. What became of it, the status tells. */
  async stop() {
    // A stop during the start: the session must exist before it can be deleted.
    await this.#posted;
    if (!this.#location || this.#ended) return;
    this.#ended = true;
    const response = await fetch(this.#location, { method: 'DELETE' });
    if (!response.ok && response.status !== 404) this.tell('problem', await problemOf(response));
  }

  /** The page goes away: the request must outlive it. */
  abandon() {
    if (this.#location && !this.#ended) {
      this.#ended = true;
      fetch(this.#location, { method: 'DELETE', keepalive: true }).catch(() => {});
    }
    this.close();
  }
}

function preferKnownCodecs(transceiver) {
  const names = receivableCodecs();
  const known = RTCRtpReceiver.getCapabilities('video')?.codecs ?? [];
  const of = (name) => known.filter((codec) => codec.mimeType.toLowerCase() === `video/${name}`);
  const chosen = [...names.flatMap(of), ...of('rtx')];
  if (names.length) transceiver.setCodecPreferences?.(chosen);
}

/** Candidates as RFC 8840 writes them. Everything is bundled, so one media section says it all. */
function fragment(sdp, candidates) {
  const line = (start) => sdp.split(/\r?\n/).find((text) => text.startsWith(start));
  const lines = [line('a=ice-ufrag:'), line('a=ice-pwd:'), line('m='), line('a=mid:')];
  for (const candidate of candidates) {
    if (!candidate) lines.push('a=end-of-candidates');
    else if (candidate.candidate) lines.push(`a=${candidate.candidate}`);
  }
  return `${lines.filter(Boolean).join('\r\n')}\r\n`;
}
