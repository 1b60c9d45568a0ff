// SPDX-License-Identifier: MIT OR Apache-2.0
// Programs that are started, asked line by line, and ended.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pass } from 'node:timers/promises';
import { within } from '../tests/browser/deadline.mjs';

/** A program that runs until its standard input ends. */
export class Program {
  constructor(path, args, env = {}) {
    this.child = spawn(path, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    this.log = '';
    this.lines = createInterface({ input: this.child.stdout });
    this.exited = once(this.child, 'exit').catch(() => [null, null]);
    this.child.stderr.on('data', (data) => { this.log += data; });
    this.child.once('error', (error) => { this.log += error.message; });
    // It may have ended before its input does; how it ended is looked at in `stop`.
    this.child.stdin.on('error', () => {});
  }

  get pid() {
    return this.child.pid;
  }

  /** The next line that it prints, after `said`, if anything, was written to it. */
  async line(said) {
    const next = once(this.lines, 'line');
    if (said) this.child.stdin.write(said);
    const gone = this.exited.then(() => { throw new Error(`${this.child.spawnfile} ended early\n${this.log}`); });
    const [line] = await within(Promise.race([next, gone]), `a line of ${this.child.spawnfile}`, 120_000);
    return line;
  }

  async stop(signal) {
    if (signal) this.child.kill(signal);
    else this.child.stdin.end();
    try {
      await within(this.exited, `the end of ${this.child.spawnfile}`);
    } finally {
      this.child.kill('SIGKILL');
    }
  }
}

/** Asks again and again: between what is measured, and for want of an event. */
export async function until(holds) {
  while (!await holds()) await pass(20);
}
