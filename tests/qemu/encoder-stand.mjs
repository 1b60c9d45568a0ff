// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the tests of the encoder alone stand on: a device with its driver, and ways to feed it.

import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';

import { loadEncoder, noFaults, shell } from './encoder.mjs';
import { Guest } from './guest.mjs';

export const guest = new Guest();
/** The encoder's node. */
export let node;

/** Loads the driver, for the first time or once more. */
export async function load() {
  node = await loadEncoder(guest);
}

before(async () => {
  await guest.boot();
  // Its look for GStreamer's plugins would otherwise meet the driver half-way, and write down that there is no such encoder.
  await guest.run('/usr/lib/testbed/service stop');
  await load();
});
after(() => guest.stop());
afterEach(() => noFaults(guest));

/** Runs a script in the device, with the functions of the encoder's `shell`; it must succeed. */
export async function run(script, options) {
  const answer = await guest.run(`${shell}\n${script}`, { milliseconds: 60_000, ...options });
  assert.equal(answer.code, 0, `${answer.stdout}${answer.stderr}`);
  return answer;
}

// A shell has what it starts in the background ignore SIGINT, and gst-launch heeds it only once it runs.
export const player = 'env --default-signal=INT gst-launch-1.0 -q';

// A filesink that buffers would keep the encoder's few buffers, and stop it.
export const save = 'filesink location=stream buffer-mode=unbuffered';

/** A gst-launch text from a test picture to the encoded stream; `raw` is a file for what goes in. */
export function encode({ pictures = 20, pattern = 'smpte', format = 'I420', size: [width, height] = [320, 180], controls = {}, raw } = {}) {
  const set = Object.entries(controls).map(([name, value]) => `,${name}=${value}`).join('');
  return `videotestsrc num-buffers=${pictures} pattern=${pattern} ` +
    `! video/x-raw,format=${format},width=${width},height=${height},framerate=25/1 ` +
    (raw ? `! tee name=t ! queue ! filesink location=${raw}  t. ! queue ` : '') +
    `! v4l2h264enc ${set && `extra-controls=c${set}`} ! 'video/x-h264,profile=constrained-baseline,level=(string)4'`;
}

/** Has v4l2-ctl encode so many pictures and then drain; what each dequeued buffer was, of the stream and of the source. */
export async function stream(pictures) {
  const { stdout } = await run(`v4l2-ctl -d ${node} --set-fmt-video-out width=320,height=180,pixelformat=YU12 \\
    --stream-mmap --stream-out-mmap --stream-count ${pictures} --stream-to /tmp/stream --verbose 2>&1`);
  const buffers = (queue) => [...stdout.matchAll(new RegExp(`^${queue} dqbuf: .*bytesused: (\\d+) .*\\((.*)\\)$`, 'gm'))]
    .map(([, bytes, flags]) => ({ bytes: Number(bytes), flags: flags.split(', ') }));
  const coded = buffers('cap');
  // The last buffer is the last picture's, or an empty one after it, as the drain comes before or after that picture.
  assert.deepEqual(coded.map(({ flags }) => flags.includes('last')), coded.map((_, i) => i === coded.length - 1), stdout);
  if (coded.length > pictures) assert.equal(coded.pop().bytes, 0, stdout);
  assert.match(stdout, /STOP ENCODER[^]*EOS EVENT/);
  const is = ({ flags }) => ['error', 'keyframe', 'P-frame'].filter((flag) => flags.includes(flag)).join();
  assert.deepEqual(coded.map(({ bytes }) => bytes > 0), coded.map((buffer) => is(buffer) !== 'error'));
  return { coded: coded.map(is), raw: buffers('out').map(is) };
}
