// SPDX-License-Identifier: MIT OR Apache-2.0
// `make bench-copies`: what it costs to give an encoded access unit to each viewer's worker, by the ways there are (copies.c). Writes
// what was measured and a table into target/bench.

import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { machine } from './conditions.mjs';
import { quantile } from './figures.mjs';
import { putIntoReadme } from '../tests/readme.mjs';

const TARGET = fileURLToPath(new URL('../target/bench/', import.meta.url));
const WAYS = { socket: 'stream socket', read: 'sealed memory, read', mapped: 'sealed memory, mapped' };
const [units, rounds] = process.env.QUICK ? [500, 3] : [4000, 9];

const conditions = machine();
const samples = JSON.parse(execFileSync(`${TARGET}copies`, [units, rounds], { encoding: 'utf8' }));

const COSTS = {
  'camera, one viewer': ({ one }) => one,
  'camera, each further viewer': ({ one, five }) => (five - one) / 4,
  'peer, each viewer': ({ each }) => each,
};
const median = (bytes, way, cost) => {
  const values = samples.filter((sample) => sample.bytes === bytes && sample.way === way).map(cost);
  return quantile(values, 0.5).toFixed(1);
};
const sizes = [...new Set(samples.map(({ bytes }) => bytes))];
const cells = (bytes) => Object.values(COSTS).map((cost) => Object.keys(WAYS).map((way) => median(bytes, way, cost)).join(' / '));
const text = `One run, ${conditions.when}, ${conditions.processor} with ${conditions.cores} cores, Linux ${conditions.kernel}, load average ${conditions.load} before it. Microseconds of processor
time for one access unit, medians of ${rounds} rounds of ${units} units: ${Object.values(WAYS).join(' / ')}.

| access unit | ${Object.keys(COSTS).join(' | ')} |
|---|${Object.keys(COSTS).map(() => '---|').join('')}
${sizes.map((bytes) => `| ${bytes / 1024} KiB | ${cells(bytes).join(' | ')} |`).join('\n')}
`;

await mkdir(TARGET, { recursive: true });
await writeFile(`${TARGET}copies.json`, `${JSON.stringify({ machine: conditions, samples }, null, 1)}\n`);
await writeFile(`${TARGET}copies.md`, text);
console.log(`\n${text}`);
if (process.env.README) await putIntoReadme('bench-copies', text, 'docs/figures.md');
