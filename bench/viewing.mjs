// SPDX-License-Identifier: MIT OR Apache-2.0
// What a viewer in Chromium sees: how soon a picture is there, and how old it is.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launch, open } from '../tests/browser/browser.mjs';
import { within } from '../tests/browser/deadline.mjs';
import { PICTURE } from './sides.mjs';

/** Sent with the offer: the peer takes no candidates later (its PATCH is not implemented). */
const GATHER = true;

/** What else the page does, for measuring. */
const MEASURING = fileURLToPath(new URL('page.mjs', import.meta.url));

export const chromium = launch;

/** The WHEP client of tests/browser, under the side's own origin; the same for both. */
export async function client(browser, side) {
  const page = await open(browser, 'about:blank');
  const address = `${side.origin}/measuring-client`;
  const body = await readFile(new URL('../tests/browser/whep.html', import.meta.url), 'utf8');
  await page.route(address, (route) => route.fulfill({ contentType: 'text/html', body }));
  await page.goto(address);
  await page.addScriptTag({ path: MEASURING, type: 'module' });
  await page.waitForFunction(() => window.watch && window.record);
  return page;
}

export const watch = (page, side) => within(
  page.evaluate((options) => window.watch(options), { endpoint: side.endpoint, gather: GATHER }), 'the picture');
export const end = (page) => within(page.evaluate(() => window.end({ camera: null })), 'the end');
export const close = (page) => page.context().close();

/** Sessions one after the other, the camera closed before each where the side closes it. */
export async function starts(browser, side, cycles, { warm }, note) {
  const page = await client(browser, side);
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    if (warm) await side.warm();
    const { postToAnswer, postToFrame } = await watch(page, side);
    await end(page);
    note(warm ? 'answer' : 'answerNoGap', postToAnswer);
    note(warm ? 'frame' : 'frameNoGap', postToFrame);
    if (side.closedAfter) note('closed', await side.closedAfter());
  }
  await close(page);
}

/** A second viewer that joins while one watches. */
export async function joins(browser, side, cycles, note) {
  const [first, second] = [await client(browser, side), await client(browser, side)];
  await side.warm();
  await watch(first, side);
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    await side.warm();
    const { postToAnswer, postToFrame } = await watch(second, side);
    await end(second);
    note('answerSecond', postToAnswer);
    note('frameSecond', postToFrame);
  }
  await end(first);
  await Promise.all([first, second].map(close));
}

/** The age of each of `frames` frames when it was decoded: see stamped_source.rs. */
export async function ages(browser, side, frames, note) {
  const page = await client(browser, side);
  await side.warm();
  await watch(page, side);
  const seen = await within(page.evaluate((options) => window.ages(options), { frames, width: PICTURE.width }), 'the frames', 60_000 + frames * 100);
  await end(page);
  await close(page);
  for (const one of seen) note('age', one);
}
