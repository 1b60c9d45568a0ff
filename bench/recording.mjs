// SPDX-License-Identifier: MIT OR Apache-2.0
// What a viewer behind a path records while the path is changed.

import { setTimeout as pass } from 'node:timers/promises';
import { summary } from './link-figures.mjs';
import { PICTURE } from './sides.mjs';
import { client, close, end, watch } from './viewing.mjs';

const CLEAR = 'rate=none delay=0ms loss=0% queue=300ms pace=none';

/** What a viewer records of `side` while `change` is done to the path. */
export async function recorded(side, browser, path, change) {
  await path.change(CLEAR);
  await side.warm();
  const page = await client(browser, side);
  await watch(page, side);
  await page.evaluate((options) => window.record(options), { width: PICTURE.width, every: 100 });
  const moments = await change();
  const record = await page.evaluate(() => window.recorded());
  await path.change(CLEAR);
  await end(page);
  await close(page);
  return { moments, ...record };
}

/** The path as it is for so many seconds, once it has settled, as the viewer has it. */
export async function steady(side, browser, path, settings, { settle, seconds }) {
  const record = await recorded(side, browser, path, async () => {
    await path.change(settings);
    // The measure is the time that passes; there is no event to wait for.
    await pass(settle * 1000);
    const from = await path.change('');
    await pass(seconds * 1000);
    return [from, await path.change('')];
  });
  return summary(record, ...record.moments);
}
