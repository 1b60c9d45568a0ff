// SPDX-License-Identifier: MIT OR Apache-2.0
// What processes cost, as the kernel has it.

import { execFileSync } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';

const TICKS = Number(execFileSync('getconf', ['CLK_TCK']));

/** A file of /proc, or nothing where its process or thread has just ended. */
const proc = (path) => readFile(`/proc/${path}`, 'utf8').catch(() => '');

/** The fields of a `stat` from the third on, which is the state. */
const stat = async (of) => (await proc(`${of}/stat`)).replace(/.*\) /s, '').split(' ');

/** A process and all that descend from it. */
async function family(pid) {
  const parents = new Map();
  for (const entry of await readdir('/proc')) {
    if (/^\d+$/.test(entry)) parents.set(Number(entry), Number((await stat(entry))[1]));
  }
  const members = [pid];
  for (const member of members) {
    for (const [child, parent] of parents) if (parent === member) members.push(child);
  }
  return members;
}

/** Its children that have not ended, the youngest last. */
export async function children(pid) {
  const [, ...members] = await family(pid);
  const named = await Promise.all(members.map(async (member) => ({
    pid: member, args: (await proc(`${member}/cmdline`)).split('\0'), born: Number((await stat(member))[19]),
  })));
  return named.filter(({ args }) => args.length > 1).sort((a, b) => a.born - b.born || a.pid - b.pid);
}

/** Processor time that a process and those of its children which it has waited for have had, in seconds. */
async function cpu(pid) {
  const fields = await stat(pid);
  return fields.length < 15 ? 0 : fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS;
}

async function threads(pid) {
  return readdir(`/proc/${pid}/task`).catch(() => []);
}

async function over(pid, each) {
  const members = await family(pid);
  const parts = await Promise.all(members.map(each));
  return parts.reduce((sum, part) => sum + part, 0);
}

/** Processor time of a process and all its descendants so far, in seconds. */
export const cpuSeconds = (pid) => over(pid, cpu);

/** Of each of their threads, how often it has slept so far. */
export async function sleeps(pid) {
  const threads = new Map();
  for (const member of await family(pid)) {
    for (const thread of await readdir(`/proc/${member}/task`).catch(() => [])) {
      const status = await proc(`${member}/task/${thread}/status`);
      threads.set(thread, Number(status.match(/^voluntary_ctxt_switches:\s+(\d+)/m)?.[1] ?? 0));
    }
  }
  return threads;
}

/** How often threads slept, and so were woken, between two such counts. One that has ended says no more. */
export function wakeUps(before, after) {
  return [...after].reduce((sum, [thread, slept]) => sum + slept - (before.get(thread) ?? 0), 0);
}

/** Their memory, what is shared being shared out, in MiB. */
export const memory = (pid) => over(pid, async (member) => {
  const rollup = await proc(`${member}/smaps_rollup`);
  return Number(rollup.match(/^Pss:\s+(\d+)/m)?.[1] ?? 0) / 1024;
});
