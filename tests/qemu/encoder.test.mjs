// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The device's encoder without the product: it is what the kernel's document says a stateful encoder is, its stream is decoded to
// the samples that went in, and it keeps to its bit rate.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { launchChromium } from './chromium.mjs';
import { atRest, forget, recorded } from './encoder.mjs';
import { encode, guest, node, run, save, stream } from './encoder-stand.mjs';

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
