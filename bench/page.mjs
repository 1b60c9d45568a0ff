// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs in the page, beside the WHEP client: how old each frame is, and what Chromium counts.

const [CELL, CELLS] = [16, 40];
const epoch = () => performance.timeOrigin + performance.now();

function reader() {
  const [track] = document.querySelector('video').srcObject.getVideoTracks();
  return new MediaStreamTrackProcessor({ track: track.clone() }).readable.getReader();
}

/** The age of a frame now, in milliseconds, of a picture that is `width` wide at its source; `null` when its time code
 * does not hold. See stamped_source.rs. */
async function ageOf(frame, width) {
  const now = Number(BigInt(Math.round(epoch() * 1000)) & 0xffffffffn);
  // Whoever sends a smaller picture has made the cells smaller with it.
  const cell = (CELL * frame.codedWidth) / width;
  const rect = { x: 0, y: 0, width: frame.codedWidth, height: 2 * Math.ceil(cell / 2) };
  const luma = new Uint8Array(frame.allocationSize({ rect }));
  const [{ offset, stride }] = await frame.copyTo(luma, { rect });
  let code = 0n;
  for (let at = 0; at < CELLS; at += 1) {
    const white = luma[offset + Math.floor(cell / 2) * stride + Math.floor((at + 0.5) * cell)] > 125;
    code = (code << 1n) | BigInt(white);
  }
  const time = Number(code >> 8n);
  const sum = [24, 16, 8, 0].reduce((all, shift) => all ^ ((time >>> shift) & 0xff), 0);
  return sum === Number(code & 0xffn) ? ((now - time) | 0) / 1000 : null;
}

/** The ages of so many frames, once a second has passed: how long the start takes is another figure. */
window.ages = async ({ frames, width }) => {
  const from = reader();
  const ages = [];
  for (let at = -30; at < frames; at += 1) {
    const { value: frame } = await from.read();
    const age = await ageOf(frame, width);
    frame.close();
    if (age === null) throw new Error('a time code that does not hold');
    if (at >= 0) ages.push(age);
  }
  await from.cancel();
  return ages;
};

/** Notes every frame, and what Chromium counts each `every` ms, until `window.recorded` is called, which returns it. */
window.record = ({ width, every }) => {
  const from = reader();
  const [frames, counts] = [[], []];
  const noted = (async () => {
    for (let { value: frame, done } = await from.read(); !done; { value: frame, done } = await from.read()) {
      const at = epoch();
      frames.push({ at, age: await ageOf(frame, width), height: frame.codedHeight });
      frame.close();
    }
  })();
  const count = async () => {
    const report = await window.peer.getStats();
    const inbound = [...report.values()].find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
    if (inbound) counts.push({ at: epoch(), ...inbound });
  };
  const timer = setInterval(count, every);
  window.recorded = async () => {
    clearInterval(timer);
    await count();
    await from.cancel();
    await noted;
    return { frames, counts };
  };
};
