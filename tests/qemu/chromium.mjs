// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The viewer's browser: the system's Chromium, kept from talking to anybody but the page it is given.

import { chromium } from 'playwright-core';

/** Starts a headless browser with a new, empty profile. */
export function launchChromium() {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox', // Chromium refuses its sandbox to root, and the namespace of the tests needs root
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
