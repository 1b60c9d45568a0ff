// SPDX-License-Identifier: MIT OR Apache-2.0
// What both transports have in common: one RTCPeerConnection that receives one picture.

/** The codecs that shutterd has, the preferred one first. */
const CODECS = ['h264', 'h265', 'vp8'];

/** Those of CODECS that this browser can receive. */
export function receivableCodecs() {
  const known = RTCRtpReceiver.getCapabilities('video')?.codecs ?? [];
  const names = new Set(known.map((codec) => codec.mimeType.toLowerCase()));
  return CODECS.filter((name) => names.has(`video/${name}`));
}

/**
 * A viewing. Its events, each a CustomEvent whose detail is:
 * `session` {id, generation}, `stream` a MediaStream, `connection` the connection's state,
 * `running`, `signalling-lost`, `refused` a problem, `problem` a problem, `ended` an outcome.
 */
export class Peer extends EventTarget {
  constructor(camera) {
    super();
    this.camera = camera;
    this.session = null;
    this.closed = false;
    // No ICE servers: the device's own candidates are all that is needed, and the page makes no
    // contact with anything but the device.
    this.connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.connection.ontrack = ({ track, streams }) => {
      this.tell('stream', streams[0] ?? new MediaStream([track]));
    };
    this.connection.onconnectionstatechange = () => {
      this.tell('connection', this.connection.connectionState);
    };
  }

  tell(type, detail) {
    if (!this.closed) this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  began(id, generation) {
    this.session = id;
    this.tell('session', { id, generation });
  }

  /** Ends this side. Nothing is told after it. */
  close() {
    this.closed = true;
    this.connection.close();
  }
}
