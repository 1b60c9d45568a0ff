// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The device's encoder without the product: it is what the kernel's document says a stateful encoder is, its stream is decoded to
// the samples that went in, it keeps to its bit rate, and each of its faults is what its name says.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';

import { launchChromium } from './chromium.mjs';
import { atRest, forget, loadEncoder, noFaults, random, recorded, seed, shell } from './encoder.mjs';
import { Guest } from './guest.mjs';

const guest = new Guest();
let node;

before(async () => {
  await guest.boot();
  node = await loadEncoder(guest);
});
after(() => guest.stop());
afterEach(() => noFaults(guest));

/** Runs a script in the device, with the functions of the encoder's `shell`; it must succeed. */
async function run(script, options) {
  const answer = await guest.run(`${shell}\n${script}`, { milliseconds: 60_000, ...options });
  assert.equal(answer.code, 0, `${answer.stdout}${answer.stderr}`);
  return answer;
}

// A shell has what it starts in the background ignore SIGINT, and gst-launch heeds it only once it runs.
const player = 'env --default-signal=INT gst-launch-1.0 -q';

// A filesink that buffers would keep the encoder's few buffers, and stop it.
const save = 'filesink location=stream buffer-mode=unbuffered';

/** A gst-launch text from a test picture to the encoded stream; `raw` is a file for what goes in. */
function encode({ pictures = 20, pattern = 'smpte', format = 'I420', size: [width, height] = [320, 180], controls = {}, raw } = {}) {
  const set = Object.entries(controls).map(([name, value]) => `,${name}=${value}`).join('');
  return `videotestsrc num-buffers=${pictures} pattern=${pattern} ` +
    `! video/x-raw,format=${format},width=${width},height=${height},framerate=25/1 ` +
    (raw ? `! tee name=t ! queue ! filesink location=${raw}  t. ! queue ` : '') +
    `! v4l2h264enc ${set && `extra-controls=c${set}`} ! 'video/x-h264,profile=constrained-baseline,level=(string)4'`;
}

// So much that each macroblock which changes is sent at once.
const lossless = { video_bitrate: 100_000_000 };

test('v4l2-compliance finds nothing', async () => {
  const { stdout } = await run(`v4l2-compliance -d ${node} -s10 -e /dev/video0`, { milliseconds: 120_000 });
  const [, all, succeeded, failed, warnings] = /^Total .*: (\d+), Succeeded: (\d+), Failed: (\d+), Warnings: (\d+)$/m.exec(stdout);
  assert.match(stdout, /Detected Stateful Encoder/);
  assert.deepEqual([succeeded, failed, warnings], [all, '0', '0'], stdout);
  console.log(`${all} tests`);
  await atRest(guest, node);
});

// The last two are no whole macroblocks, and what is cropped must not be seen. Of each, the raw file has no padding.
for (const size of [[16, 16], [64, 48], [640, 480], [320, 180], [200, 152]]) {
  for (const format of ['I420', 'NV12']) {
    test(`${size.join('x')} ${format}: what openh264dec gives is what went in`, async () => {
      await forget(guest);
      const { stdout } = await run(`
        cd /tmp
        gst-launch-1.0 -q ${encode({ size, format, controls: lossless, raw: 'in' })} ! h264parse ! openh264dec ! videoconvert \\
          ! video/x-raw,format=${format} ! filesink location=out
        cmp in out && stat -c %s in`);
      assert.equal(Number(stdout), size[0] * size[1] * 3 / 2 * 20);
      const { pictures, keyframes, drains, drained } = await recorded(guest);
      assert.deepEqual({ pictures, keyframes, drains, drained }, { pictures: 20, keyframes: 1, drains: 1, drained: 1 });
    });
  }
}

/** The access units of a stream whose pictures are one NAL unit each. */
function accessUnits(stream) {
  const starts = [];
  for (let at = stream.indexOf('\0\0\0\x01'); at >= 0; at = stream.indexOf('\0\0\0\x01', at + 4)) starts.push(at);
  const units = [];
  let begun = 0;
  starts.forEach((start, i) => {
    const type = stream[start + 4] & 31;
    if (type !== 1 && type !== 5) return;
    units.push({ key: type === 5, bytes: stream.subarray(begun, starts[i + 1]) });
    begun = starts[i + 1];
  });
  return units;
}

/** In a page: the SHA-256 of each picture that the browser's decoder gives, as I420 without padding. */
async function decodeInPage(units) {
  const pictures = [];
  let failure;
  const decoder = new VideoDecoder({ output: (picture) => pictures.push(picture), error: (error) => { failure = error; } });
  decoder.configure({ codec: 'avc1.42e028' });
  units.forEach(({ key, base64 }, i) => {
    const data = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    decoder.decode(new EncodedVideoChunk({ type: key ? 'key' : 'delta', timestamp: i * 40_000, data }));
  });
  await decoder.flush();
  if (failure) throw failure;
  const digests = [];
  for (const picture of pictures) {
    const samples = new Uint8Array(picture.allocationSize());
    await picture.copyTo(samples);
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', samples));
    digests.push(`${picture.format} ${Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')}`);
    picture.close();
  }
  return digests;
}

test("what Chromium's decoder gives is what went in", async () => {
  const [width, height] = [200, 152];
  // Noise has every byte, those that need emulation prevention included; the ball moves over a still ground.
  for (const pattern of ['snow', 'ball']) {
    await run(`cd /tmp; gst-launch-1.0 -q ${encode({ size: [width, height], pattern, controls: lossless, raw: 'in' })} ! ${save}`);
    const units = accessUnits((await run('cat /tmp/stream')).output);
    assert.deepEqual(units.map(({ key }) => key), Array.from({ length: 20 }, (_, i) => i === 0));
    const picture = width * height * 3 / 2;
    const { output } = await run('cat /tmp/in');
    const expected = Array.from({ length: 20 }, (_, i) =>
      `I420 ${createHash('sha256').update(output.subarray(i * picture, (i + 1) * picture)).digest('hex')}`);
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      // Only a page that nobody can have tampered with may decode; nothing answers there but this test.
      await page.route('http://localhost/', (route) => route.fulfill({ contentType: 'text/html', body: '<title>decoder</title>' }));
      await page.goto('http://localhost/');
      const stream = units.map(({ key, bytes }) => ({ key, base64: bytes.toString('base64') }));
      assert.deepEqual(await page.evaluate(decodeInPage, stream), expected);
    } finally {
      await browser.close();
    }
  }
});

/** Has v4l2-ctl encode so many pictures and then drain; what each dequeued buffer was, of the stream and of the source. */
async function stream(pictures) {
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

test('a drain gives all pictures, the last buffer and the event', async () => {
  await forget(guest);
  assert.deepEqual((await stream(8)).coded, ['keyframe', ...Array(7).fill('P-frame')]);
  const { pictures, drains, drained } = await recorded(guest);
  assert.deepEqual({ pictures, drains, drained }, { pictures: 8, drains: 1, drained: 1 });
  await atRest(guest, node);
});

test('the bit rate is kept to', async () => {
  for (const [bitrate, size] of [[200_000, [160, 96]], [500_000, [320, 180]], [4_000_000, [320, 180]]]) {
    await forget(guest);
    await run(`gst-launch-1.0 -q ${encode({ pictures: 250, pattern: 'snow', size, controls: { video_bitrate: bitrate } })} ! fakesink`);
    const { bytes, keyframes, rates } = await recorded(guest);
    assert.deepEqual(rates, [{ picture: 0, bitrate }]);
    assert.equal(keyframes, 3, 'one in 120 pictures');
    const made = bytes * 8 / 10;
    console.log(`${bitrate} bit/s asked for, ${made} made`);
    // Of noise every picture could be larger. Three keyframes are more than the lowest rate pays back within the ten seconds.
    assert.ok(made > bitrate * 0.95 && made < bitrate * (bitrate < 1_000_000 ? 1.5 : 1.05), `${bitrate}: ${made}`);
  }
});

test('at a low rate all of the picture is sent in the end, and what changes most first', async () => {
  await run(`
    cd /tmp
    gst-launch-1.0 -q ${encode({ pictures: 200, controls: { video_bitrate: 1_000_000 }, raw: 'in' })} ! h264parse ! openh264dec \\
      ! video/x-raw,format=I420 ! filesink location=out`);
  const [{ output: sent }, { output: shown }] = [await run('cat /tmp/in'), await run('cat /tmp/out')];
  assert.equal(sent.length, shown.length);
  const picture = 320 * 180 * 3 / 2;
  // The noise in a corner of the test picture cannot all be sent; everything else stands still.
  let different = 0;
  for (let i = sent.length - picture; i < sent.length - picture + 320 * 120; i++) different += sent[i] !== shown[i];
  assert.equal(different, 0, 'the part that stands still');
});

test('keyframes: by their period, whose shorter name counts, and parameter sets with each when asked for', async () => {
  const headers = async (controls) => {
    await run(`cd /tmp; gst-launch-1.0 -q ${encode({ pictures: 30, size: [64, 48], controls })} ! ${save}`);
    const stream = (await run('cat /tmp/stream')).output;
    const types = [];
    for (let at = stream.indexOf('\0\0\0\x01'); at >= 0; at = stream.indexOf('\0\0\0\x01', at + 4)) types.push(stream[at + 4] & 31);
    return [7, 8, 5].map((type) => types.filter((one) => one === type).length);
  };
  assert.deepEqual(await headers({ video_gop_size: 10 }), [1, 1, 3]);
  assert.deepEqual(await headers({ video_gop_size: 10, repeat_sequence_header: 1 }), [3, 3, 3]);
  assert.deepEqual(await headers({ video_gop_size: 10, h264_i_frame_period: 5, repeat_sequence_header: 1 }), [6, 6, 6]);
  assert.deepEqual(await headers({ video_gop_size: 0, repeat_sequence_header: 1 }), [1, 1, 1]);
});

test('a level that the picture does not fit is refused', async () => {
  const refused = 'beyond the level';
  const { stdout } = await run(`
    dmesg -c > /dev/null
    gst-launch-1.0 ${encode().replace('(string)4', '(string)1')} ! fakesink 2>&1
    dmesg`);
  assert.match(stdout, /Buffer pool activation failed/);
  assert.ok(stdout.includes(refused), stdout);
  await atRest(guest, node);
});

/** The faults are reset, and the encoder is as it was before: it encodes. */
async function works() {
  await noFaults(guest);
  await forget(guest);
  await run(`gst-launch-1.0 -q ${encode()} ! fakesink`);
  assert.equal((await recorded(guest)).drained, 1);
  await atRest(guest, node);
}

test('fault: open fails as busy', async () => {
  await run('fault open_busy 1');
  const { code, stderr } = await guest.run(`exec 3< ${node}`);
  assert.notEqual(code, 0);
  assert.match(stderr, /busy/i);
  await works();
});

test('fault: pictures come back with an error', async () => {
  await forget(guest);
  await run('fault errors 2');
  const { coded, raw } = await stream(8);
  assert.deepEqual(coded, ['error', 'error', 'keyframe', ...Array(5).fill('P-frame')]);
  assert.deepEqual(raw.slice(0, 3), ['error', 'error', ''], 'the sources of those pictures');
  const { pictures, errors } = await recorded(guest);
  assert.deepEqual({ pictures, errors }, { pictures: 6, errors: 2 });
  await works();
});

test('fault: a wrong length', async () => {
  await forget(guest);
  const { stdout } = await run(`
    fault bytesused_percent 50
    gst-launch-1.0 -q ${encode()} ! filesink location=/tmp/stream buffer-mode=unbuffered
    stat -c %s /tmp/stream`);
  const { bytes } = await recorded(guest);
  assert.ok(Math.abs(Number(stdout) - bytes / 2) <= 20, `${stdout} of ${bytes}`);
  await works();
});

test('fault: nothing comes back any more, until it does', async () => {
  await forget(guest);
  await run(`
    fault stall 1
    ${player} ${encode()} ! fakesink & player=$!
    until_record streaming_capture -eq 1
    until_record outstanding -ge 2
    [ "$(record pictures)" = 0 ] || exit 1
    fault stall 0
    wait $player || exit 2
    [ "$(record pictures)" = 20 ] || exit 3
    # And one that is ended meanwhile ends.
    fault stall 1
    ${player} ${encode()} ! fakesink & player=$!
    until_record streaming_capture -eq 1
    until_record outstanding -ge 2
    kill -INT $player
    wait $player
    [ "$(record pictures)" = 20 ] || exit 4`);
  await atRest(guest, node);
  await works();
});

test('fault: a drain that never ends', async () => {
  await forget(guest);
  await run(`
    fault keep_last 1
    ${player} ${encode()} ! fakesink & player=$!
    until_record drains -eq 1
    until_record pictures -eq 20
    kill -0 $player || exit 1
    [ "$(record drained)" = 0 ] || exit 2
    kill -KILL $player
    until_record open -eq 0`);
  await works();
});

test('fault: STREAMOFF takes its time', async () => {
  const seconds = async () => Number((await run(`
    read -r began _ < /proc/uptime
    gst-launch-1.0 -q ${encode()} ! fakesink
    read -r now _ < /proc/uptime
    echo $began $now`)).stdout.trim().split(' ').reduce((began, now) => now - began));
  const usual = await seconds();
  await run('fault streamoff_ms 1500');
  const slow = await seconds();
  assert.ok(slow >= 3, `two queues stop within ${slow} s, usually ${usual} s`);
  await works();
});

test('fault: STREAMOFF that does not come back, whatever is done to its process', async () => {
  await forget(guest);
  await run(`
    fault streamoff_stuck 1
    ${player} ${encode({ pictures: -1 })} ! fakesink & player=$!
    until_record pictures -ge 3
    kill -INT $player
    # A thread of it sleeps in the kernel, where no signal reaches it.
    until grep -qs '^State:.*disk sleep' /proc/$player/task/*/status; do usleep 5000; done
    kill -KILL $player
    grep -qs '^State:.*disk sleep' /proc/$player/task/*/status || exit 1
    [ "$(record open)" -ge 1 ] || exit 2
    fault streamoff_stuck 0
    until_record open -eq 0`);
  await works();
});

// What GStreamer 225d6b7e11 mended: a state change that meets the codec's threads at the wrong moment must not freeze it.
// Failure modes: V14.
test('a pipeline with the encoder is stopped at any moment, again and again, and never hangs', async () => {
  const next = random(seed());
  // Here the moment is what is tested, so time passes; that the player runs, or has ended, is waited for.
  const moments = Array.from({ length: 60 }, () => Math.floor(next() ** 2 * 1_200_000));
  await forget(guest);
  const { stdout } = await run(`
    for moment in ${moments.join(' ')}; do
      ${player} ${encode({ pictures: -1, size: [64, 48] })} ! h264parse ! fakesink > /tmp/said 2>&1 & player=$!
      until [ "$(record open)" != 0 ]; do kill -0 $player || exit 1; done
      usleep $moment
      kill -INT $player
      wait $player
      [ "$(record open) $(record streaming_output) $(record streaming_capture) $(record outstanding)" = '0 0 0 0' ] || exit 2
      echo "$moment $(record pictures)"
    done`, { milliseconds: 400_000 });
  const seen = stdout.trim().split('\n').map((line) => Number(line.split(' ')[1]));
  assert.equal(seen.length, moments.length);
  // Some ended before the first picture, and some while pictures came.
  const gained = seen.map((pictures, i) => pictures - (seen[i - 1] ?? 0));
  assert.ok(gained.some((pictures) => pictures === 0) && gained.some((pictures) => pictures > 3), gained.join());
  console.log(`pictures before each end: ${gained.join()}`);
  await works();
});

test('the driver can be taken out and put in again, and the kernel has nothing to report', async () => {
  const { stdout } = await run('modprobe -r pcm264; [ ! -e /sys/kernel/debug/pcm264 ] && dmesg');
  assert.doesNotMatch(stdout, /WARNING|BUG|Oops|Call trace|use-after-free/);
  node = await loadEncoder(guest);
  await works();
});
