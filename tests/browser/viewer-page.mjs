// SPDX-License-Identifier: MIT OR Apache-2.0
// The viewer page as a person uses it: what to press, and what to wait for.

import assert from 'node:assert/strict';
import { open } from './browser.mjs';
import { DEADLINE_MS, within } from './deadline.mjs';

/** Counts the presented frames; installed once, before anything is pressed. */
function countFrames() {
  const video = document.getElementById('picture');
  window.presented = 0;
  const count = () => {
    window.presented += 1;
    video.requestVideoFrameCallback(count);
  };
  video.requestVideoFrameCallback(count);
}

/** Opens the page in `role`, has `act` use it, and sees that the camera is closed after it. */
export async function viewing(browser, service, role, act, options) {
  const viewer = await ViewerPage.open(browser, service.address, options);
  try {
    await viewer.choose(role);
    await act(viewer);
  } finally {
    await viewer.close();
  }
  await service.closed();
}

export class ViewerPage {
  static async open(browser, address, options) {
    const page = await open(browser, address, options);
    await page.evaluate(countFrames);
    await page.waitForFunction(() => !document.getElementById('watch').disabled);
    return new ViewerPage(page);
  }

  constructor(page) {
    this.page = page;
  }

  text(id) {
    return this.page.locator(`#${id}`).innerText();
  }

  /** `role`: `answerer` (WHEP) or `offerer` (WebSocket). */
  async choose(role) {
    await this.page.locator(`label:has(#role-${role})`).click();
  }

  /** Makes the browser one that does not have `codec`, as some builds are. */
  lacks(codec) {
    return this.page.evaluate((type) => {
      const { getCapabilities } = RTCRtpReceiver;
      RTCRtpReceiver.getCapabilities = (kind) => {
        const { codecs, ...others } = getCapabilities.call(RTCRtpReceiver, kind);
        return { codecs: codecs.filter(({ mimeType }) => mimeType.toLowerCase() !== type), ...others };
      };
    }, `video/${codec}`);
  }

  /** Keeps the device's description from the browser, so that it cannot connect, until `release`. */
  hold() {
    return this.page.evaluate(() => {
      const { setRemoteDescription } = RTCPeerConnection.prototype;
      const released = new Promise((resolve) => { window.release = resolve; });
      RTCPeerConnection.prototype.setRemoteDescription = async function held(description) {
        await released;
        RTCPeerConnection.prototype.setRemoteDescription = setRemoteDescription;
        return setRemoteDescription.call(this, description);
      };
    });
  }

  release() {
    return this.page.evaluate(() => window.release());
  }

  phase(phase) {
    return this.page.waitForSelector(`#stage[data-phase="${phase}"]`, { state: 'attached' });
  }

  async watch() {
    await this.page.click('#watch');
    await this.running();
  }

  async running() {
    await within(Promise.race([this.phase('running'), this.#notice()]), 'the first picture');
  }

  async #notice() {
    await this.page.waitForSelector('#notice:not([hidden])');
    throw new Error(`the page says: ${await this.text('notice')}`);
  }

  async stop() {
    await this.page.click('#stop');
    await this.phase('idle');
  }

  /** Waits until `count` more frames were presented. */
  async frames(count = 10) {
    const from = await this.page.evaluate(() => window.presented);
    await this.page.waitForFunction((to) => window.presented >= to, from + count);
  }

  /** The picture's size, and whether its content changes from frame to frame. */
  async picture() {
    return this.page.evaluate(async (deadline) => {
      const video = document.getElementById('picture');
      const canvas = document.createElement('canvas');
      canvas.width = 64;
      canvas.height = 36;
      const ink = canvas.getContext('2d', { willReadFrequently: true });
      const sample = () => new Promise((resolve) => {
        video.requestVideoFrameCallback(() => {
          ink.drawImage(video, 0, 0, 64, 36);
          resolve(ink.getImageData(0, 0, 64, 36).data);
        });
      });
      const first = await sample();
      const until = performance.now() + deadline;
      let changed = 0;
      while (changed === 0 && performance.now() < until) {
        const next = await sample();
        changed = next.reduce((sum, value, at) => sum + (Math.abs(value - first[at]) > 16), 0);
      }
      return { width: video.videoWidth, height: video.videoHeight, changed };
    }, DEADLINE_MS);
  }

  /** Waits until every figure of `ids` shows a value. */
  figures(ids = ['resolution', 'rate', 'bitrate', 'decoded', 'freezes', 'round-trip', 'path', 'codec']) {
    return this.page.waitForFunction(
      (names) => names.every((id) => document.getElementById(`figure-${id}`).textContent !== '–'),
      ids,
    );
  }

  /** The rows of the chart of `table` whose result is `result`, once there are `count` of them. */
  async steps(table, count, result = 'done') {
    const rows = `#steps-${table} li[data-result="${result}"]`;
    await this.page.waitForFunction(
      ([selector, n]) => document.querySelectorAll(selector).length === n,
      [rows, count],
    );
    return this.page.locator(rows).evaluateAll((items) => items.map((item) => item.dataset.step));
  }

  /** Waits until the page shows the camera in this state. */
  camera(state) {
    return this.page.waitForSelector(`#cameras li[data-state="${state}"]`);
  }

  /** Waits for the notice; what it says. */
  async notice() {
    await this.page.waitForSelector('#notice:not([hidden])');
    return this.text('notice');
  }

  async close() {
    assert.deepEqual(this.page.faults, []);
    await this.page.context().close();
  }
}
