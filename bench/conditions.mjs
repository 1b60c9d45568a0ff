// SPDX-License-Identifier: MIT OR Apache-2.0
// What is measured, and on what.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Ours, Peer } from './sides.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));

export const SIDES = { ours: Ours, peer: Peer };

export function machine() {
  return {
    when: new Date().toISOString().slice(0, 10),
    processor: cpus()[0].model.trim(),
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    load: loadavg()[0].toFixed(1),
  };
}

export function versions(browser) {
  const manifest = readFileSync(`${HERE}Cargo.toml`, 'utf8');
  const said = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' }).trim();
  return {
    shutterd: said('git', '-C', HERE, 'rev-parse', '--short', 'HEAD'),
    peer: manifest.match(/gst-plugin-webrtc = \{ version = "=([\d.]+)"/)[1],
    gstreamer: said('pkg-config', '--modversion', 'gstreamer-1.0'),
    chromium: browser.version(),
    node: process.version,
  };
}
