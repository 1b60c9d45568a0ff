// SPDX-License-Identifier: MIT OR Apache-2.0
// What a side costs: with nobody watching, and with many.

import { setTimeout as pass } from 'node:timers/promises';
import { cpuSeconds, memory, sleeps, wakeUps } from './processes.mjs';
import { watchers } from './sides.mjs';

/** Costs over `seconds`: processor seconds and wake-ups, each in a second; memory at its end. */
export async function over(pid, seconds) {
  const before = { cpu: await cpuSeconds(pid), sleeps: await sleeps(pid), at: performance.now() };
  // The measure is the time that passes; there is no event to wait for.
  await pass(seconds * 1000);
  const passed = (performance.now() - before.at) / 1000;
  return {
    cpu: (await cpuSeconds(pid) - before.cpu) / passed,
    wakeUps: wakeUps(before.sleeps, await sleeps(pid)) / passed,
    memory: await memory(pid),
    passed,
  };
}

const costs = (side, seconds) => (side.over ? side.over(seconds) : over(side.program.pid, seconds));

/** Nobody watches. */
export async function idle(side, seconds, note) {
  await side.warm();
  const { cpu, wakeUps: woken, memory: resident } = await costs(side, seconds);
  note('idleCpu', cpu * 100);
  if (woken !== undefined) note('idleWakeUps', woken);
  note('idleMemory', resident);
}

/** `count` viewers watch the same picture. */
export async function watched(side, count, seconds, note) {
  await side.warm();
  const viewers = await watchers(side, count);
  // What they took of the spares is replaced before anything is measured.
  await side.warm();
  const before = await viewers.frames();
  const { cpu, memory: resident, passed } = await costs(side, seconds);
  const frames = (await viewers.frames()).map((now, at) => (now - before[at]) / passed);
  note(`cpu${count}`, cpu * 100);
  note(`memory${count}`, resident);
  note(`fps${count}`, Math.min(...frames));
  await viewers.stop();
}
