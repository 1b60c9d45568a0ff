// SPDX-License-Identifier: MIT OR Apache-2.0
// Chromium, and its pages.

import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { DEADLINE_MS } from './deadline.mjs';

const SCREENSHOTS = fileURLToPath(new URL('../../target/screenshots/', import.meta.url));

/** A Chromium with a new, empty profile, that makes no connection of its own. */
function quiet(args, executable = process.env.CHROMIUM ?? '/usr/bin/chromium') {
  return {
    executablePath: executable,
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
  };
}

/** Starts Chromium, or an executable that does. */
export async function launch({ args = [], executable } = {}) {
  return chromium.launch(quiet(args, executable));
}

/** A Chromium that can be killed: all of its processes at once, so that none says goodbye. */
export async function launchToKill() {
  const server = await chromium.launchServer(quiet([]));
  const leader = server.process();
  const exited = once(leader, 'exit');
  return {
    browser: await chromium.connect(server.wsEndpoint()),
    async kill() {
      // It leads a process group, and its processes stay in it.
      if (leader.exitCode === null && leader.signalCode === null) process.kill(-leader.pid, 'SIGKILL');
      await exited;
    },
  };
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

/** Keeps a picture of the page for people to look at. */
export async function screenshot(page, name) {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: `${SCREENSHOTS}${name}.png`, animations: 'disabled', fullPage: true });
}
