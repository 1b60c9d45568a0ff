// SPDX-License-Identifier: MIT OR Apache-2.0
// The live figures of the connection, from its statistics.

const PERIOD_MS = 1000;
const NONE = '–';

const FIGURES = [
  ['resolution', 'Resolution'],
  ['rate', 'Frame rate'],
  ['bitrate', 'Bitrate'],
  ['round-trip', 'Round trip'],
  ['decoded', 'Frames decoded'],
  ['freezes', 'Freezes'],
  ['lost', 'Packets lost'],
  ['path', 'Path takes'],
  ['codec', 'Codec'],
];

export class Figures {
  #values = new Map();
  #timer = null;
  #last = null;

  constructor(list) {
    for (const [key, label] of FIGURES) {
      const group = document.createElement('div');
      const term = document.createElement('dt');
      const value = document.createElement('dd');
      term.textContent = label;
      value.textContent = NONE;
      value.id = `figure-${key}`;
      group.append(term, value);
      list.append(group);
      this.#values.set(key, value);
    }
  }

  /**
   * Shows the figures of `connection`; `stalled` is told whether the picture stands still. What the path takes the device
   * estimates: `device` resolves with its figures, or with nothing.
   */
  follow(connection, stalled, device) {
    this.stop();
    for (const value of this.#values.values()) value.textContent = NONE;
    this.#last = null;
    const sample = async () => {
      const [report, sent] = await Promise.all([connection.getStats(), device()]);
      const figures = this.#sample(report, sent);
      if (!figures || this.#timer === null) return;
      for (const [key, text] of Object.entries(figures.texts)) this.#values.get(key).textContent = text;
      stalled(figures.stalled);
    };
    this.#timer = setInterval(sample, PERIOD_MS);
    sample();
  }

  /** The last figures stay readable. */
  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #sample(report, sent) {
    const all = [...report.values()];
    const video = all.find((entry) => entry.type === 'inbound-rtp' && entry.kind === 'video');
    if (!video) return null;
    const transport = report.get(video.transportId);
    const pair = report.get(transport?.selectedCandidatePairId)
      ?? all.find((entry) => entry.type === 'candidate-pair' && entry.nominated);
    const codec = report.get(video.codecId)?.mimeType;
    const last = this.#last;
    this.#last = video;
    const seconds = last ? (video.timestamp - last.timestamp) / 1000 : 0;
    const per = (key) => (seconds > 0 ? (video[key] - last[key]) / seconds : null);
    const frames = per('framesDecoded');
    return {
      stalled: frames === 0,
      texts: {
        resolution: video.frameWidth ? `${video.frameWidth} × ${video.frameHeight}` : NONE,
        rate: unit(video.framesPerSecond ?? frames, 0, 'fps'),
        bitrate: rate(per('bytesReceived') * 8),
        'round-trip': unit(pair?.currentRoundTripTime && pair.currentRoundTripTime * 1000, 1, 'ms'),
        decoded: (video.framesDecoded ?? 0).toLocaleString('en'),
        freezes: String(video.freezeCount ?? 0),
        lost: (video.packetsLost ?? 0).toLocaleString('en'),
        path: rate(sent?.['path-bitrate']),
        codec: codec ? codec.split('/')[1] : NONE,
      },
    };
  }
}

function unit(value, digits, name) {
  return Number.isFinite(value) ? `${value.toFixed(digits)} ${name}` : NONE;
}

function rate(bitsPerSecond) {
  if (!bitsPerSecond) return NONE;
  const kilobits = bitsPerSecond / 1000;
  return kilobits < 1000 ? `${kilobits.toFixed(0)} kbit/s` : `${(kilobits / 1000).toFixed(2)} Mbit/s`;
}
