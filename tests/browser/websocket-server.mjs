// SPDX-License-Identifier: MIT OR Apache-2.0
// The server's side of RFC 6455, as much as the mock needs: whole text messages, close, and
// breaking off. Node 20 has no WebSocket server, and one dependency is enough.

import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 1;
const CLOSE = 8;

/** Emits `message` with parsed JSON, and `close` once. */
export class WebSocketConnection extends EventEmitter {
  #socket;
  #read = Buffer.alloc(0);

  constructor(request, socket) {
    super();
    this.#socket = socket;
    const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + GUID).digest('base64');
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
      + `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on('data', (data) => this.#take(data));
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.emit('close'));
  }

  #take(data) {
    this.#read = Buffer.concat([this.#read, data]);
    for (;;) {
      const frame = parse(this.#read);
      if (!frame) return;
      this.#read = this.#read.subarray(frame.size);
      if (frame.opcode === CLOSE) this.#socket.end(Buffer.from([0x80 | CLOSE, 0]));
      else if (frame.opcode === TEXT) this.emit('message', JSON.parse(frame.payload.toString()));
    }
  }

  send(message) {
    if (!this.#socket.writable) return;
    const payload = Buffer.from(JSON.stringify(message));
    const head = payload.length < 126
      ? Buffer.from([0x80 | TEXT, payload.length])
      : Buffer.from([0x80 | TEXT, 126, payload.length >> 8, payload.length & 0xff]);
    this.#socket.write(Buffer.concat([head, payload]));
  }

  close() {
    this.#socket.end(Buffer.from([0x80 | CLOSE, 0]));
  }

  /** As when the network goes: no goodbye. */
  breakOff() {
    this.#socket.destroy();
  }
}

/** The first whole frame in `bytes`. A browser's frames are masked and, at this size, not split. */
function parse(bytes) {
  if (bytes.length < 2) return null;
  let length = bytes[1] & 0x7f;
  let at = 2;
  if (length === 126) {
    if (bytes.length < 4) return null;
    length = bytes.readUInt16BE(2);
    at = 4;
  }
  if (length === 127) throw new Error('message too long');
  const size = at + 4 + length;
  if (bytes.length < size) return null;
  const mask = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, size));
  for (let i = 0; i < length; i += 1) payload[i] ^= mask[i % 4];
  return { opcode: bytes[0] & 0xf, payload, size };
}
