// SPDX-License-Identifier: MIT OR Apache-2.0
// Chromium, and waiting for events with deadlines.

import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

/** How long an event may take on a slow, loaded machine. */
export const DEADLINE_MS = Number(process.env.BROWSER_DEADLINE_MS ?? 20_000);

const SCREENSHOTS = fileURLToPath(new URL('../../target/screenshots/', import.meta.url));

/** Starts Chromium with a new, empty profile. It makes no connection of its own. */
export async function launch({ args = [] } = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...args,
    ],
  });
}

/**
 * Opens a page of its own context, so that pages share neither connections nor storage. What the
 * page logs as an error, and what it asks of anybody but its own host, is kept in `page.faults`.
 */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  context.setDefaultTimeout(DEADLINE_MS);
  const page = await context.newPage();
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // A refused request is logged by the browser itself; the tests that provoke one look at the page.
    const refused = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !refused) page.faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (new URL(request.url()).host !== new URL(url).host) page.faults.push(`outside: ${request.url()}`);
  });
  await page.goto(url);
  return page;
}

/** `promise`, or the complaint that `what` did not come in time. */
export async function within(promise, what, ms = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Keeps a picture of the page for people to look at. */
export async function screenshot(page, name) {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: `${SCREENSHOTS}${name}.png`, animations: 'disabled', fullPage: true });
}
