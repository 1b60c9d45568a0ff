// SPDX-License-Identifier: MIT OR Apache-2.0
// The records of the lab as docs/order.md has them:  report.mjs RECORDS...  Without README=1 only into target/lab.

import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { putIntoReadme } from '../readme.mjs';
import * as figures from './figures.mjs';
import * as tables from './tables.mjs';
import { places, read } from './verdicts.mjs';

const DOCUMENT = 'docs/order.md';
const writes = Boolean(process.env.README);
const here = (name) => fileURLToPath(new URL(`../../${writes ? 'docs' : 'target/lab'}/${name}`, import.meta.url));

const found = places(await Promise.all(process.argv.slice(2).map(read)));
if (!found.length) throw new Error('report.mjs RECORDS...: no records');
// What is held against the records is one table: that of the first file.
for (const one of found) one.graph = found[0].graph;
await mkdir(here(''), { recursive: true });

const QUESTIONS = {
  necessary: ['as-written', 'step-left-out', 'undo-left-out'],
  order: ['as-written', 'step-moved', 'step-moved-promised', 'one-sided', 'undo-moved', 'end-backwards'],
  waits: ['step-not-awaited', 'undo-not-awaited', 'start-by-the-clock', 'end-by-the-clock', 'end-by-events'],
  pipelines: ['as-written', 'stopped-anywhere', 'one-pipeline', 'one-pipeline-stopped-anywhere'],
};
const counted = (question) => `${tables.behind(found, QUESTIONS[question])} runs.`;

const parts = {
  'lab-runs': tables.runs(found),
  'lab-necessary': `${counted('necessary')}\n\n${tables.necessary(found)}`,
  'lab-left': tables.left(found),
  'lab-order': `${counted('order')}\n\n${tables.neighbours(found)}`,
  'lab-conditions': tables.conditions(found),
  'lab-disagreements': tables.disagreements(found),
  'lab-waits': `${counted('waits')}\n\n${tables.clocks(found)}`,
  'lab-hurried': tables.hurried(found),
  'lab-pipelines': `${counted('pipelines')}\n\n${tables.pipelines(found)}`,
  'lab-versions': tables.versions(found),
};
const drawings = {
  'order-graph.svg': figures.graph(found[0]),
  'order-clocks.svg': figures.clocks(found),
  'order-releases.svg': figures.releases(found),
};
// Each place has its own heat map and its own times.
for (const [at, place] of found.entries()) {
  const { board, gstreamer } = place.place;
  const isAnother = found.findIndex((one) => one.place.board === board) < at;
  const suffix = at ? `-${board}${isAnother ? `-${gstreamer.match(/\d+\.\d+/)[0]}` : ''}` : '';
  if (place.records.some(({ experiment }) => experiment.endsWith('-moved'))) drawings[`order-moved${suffix}.svg`] = figures.moved(place);
  if (figures.hasTimes(place)) drawings[`order-timeline${suffix}.svg`] = figures.timeline(place);
}

for (const [name, drawing] of Object.entries(drawings)) await writeFile(here(name), drawing);
for (const [name, text] of Object.entries(parts)) {
  console.log(`\n## ${name}\n\n${text}`);
  if (writes) await putIntoReadme(name, text, DOCUMENT);
}
