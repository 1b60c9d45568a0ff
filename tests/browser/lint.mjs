// SPDX-License-Identifier: MIT OR Apache-2.0
// What a linter would not know of this page: that it is whole, self-contained, served, labelled,
// readable, and says the steps as the service does. Of all tests in JavaScript it looks at the form.
// Needs nothing but Node.

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { END, START } from '../../src/web/steps.js';

const ROOT = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, ROOT), 'utf8');
const faults = [];
const expect = (holds, what) => { if (!holds) faults.push(what); };
const all = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found);

const web = Object.fromEntries(readdirSync(new URL('src/web/', ROOT)).map((name) => [name, read(`src/web/${name}`)]));
const tests = Object.fromEntries(readdirSync(new URL('.', import.meta.url))
  .filter((name) => /\.(mjs|html)$/.test(name))
  .map((name) => [name, read(`tests/browser/${name}`)]));
const bench = Object.fromEntries(readdirSync(new URL('bench/', ROOT))
  .filter((name) => name.endsWith('.mjs'))
  .map((name) => [`bench/${name}`, read(`bench/${name}`)]));
const device = Object.fromEntries(['tests/lab/', 'tests/network/', 'tests/qemu/']
  .flatMap((folder) => readdirSync(new URL(folder, ROOT)).map((name) => folder + name))
  .filter((path) => path.endsWith('.mjs'))
  .map((path) => [path, read(path)]));
const html = web['index.html'];

// Syntax, as modules whatever the file's name.
for (const [name, text] of Object.entries({ ...web, ...tests, ...bench, ...device })) {
  if (!/\.m?js$/.test(name)) continue;
  try {
    execFileSync(process.execPath, ['--input-type=module', '--check', '-'], { input: text, stdio: 'pipe' });
  } catch (error) {
    faults.push(`${name}: ${error.stderr}`);
  }
}

// Every file: a licence line, a bearable length, nothing that it does not use.
for (const [name, text] of Object.entries({ ...web, ...tests, ...bench, ...device })) {
  expect(text.split('\n', 2).join().includes('SPDX-License-Identifier: MIT OR Apache-2.0'), `${name}: no SPDX line`);
  expect(text.split('\n').length <= 300, `${name}: over 300 lines`);
  const unused = all(text, /^import \{ ([^}]*) \}/gm).flatMap((list) => list.split(', '))
    .map((one) => one.split(' as ').at(-1)).filter((one) => text.match(new RegExp(`\\b${one}\\b`, 'g')).length < 2);
  expect(!unused.length, `${name}: imports and does not use: ${unused}`);
}

// Nothing from outside, and nothing that the content security policy refuses.
for (const [name, text] of Object.entries(web)) {
  const addresses = all(text, /((?:https?:|wss?:)?\/\/[\w[][^\s"'`)]*)/g);
  const outside = addresses.filter((address) => address !== 'http://www.w3.org/2000/svg');
  expect(!outside.length, `${name}: names an outside address: ${outside}`);
  expect(!/\b(innerHTML|outerHTML|insertAdjacentHTML|eval\(|new Function)/.test(text), `${name}: makes code or HTML of text`);
}
expect(!/<script(?![^>]*\ssrc=)/.test(html), 'index.html: inline script');
expect(!/<style|\sstyle=|\son\w+=/.test(html), 'index.html: inline style or handler');

// Everything the page loads is there and is served, and everything that is there is used.
const loaded = new Set([
  'index.html',
  ...all(html, /(?:src|href)="\/([\w.-]+)"/g),
  ...Object.values(web).flatMap((text) => all(text, /from '\.\/([\w.-]+)'/g)),
]);
const server = read('src/control/page.rs');
for (const name of loaded) expect(name in web, `${name}: loaded, but not there`);
for (const name of Object.keys(web)) {
  expect(loaded.has(name), `${name}: nothing loads it`);
  expect(server.includes(` "${name}",`), `${name}: src/control/page.rs does not serve it`);
}

// Every id exists once, and every reference has its id.
const ids = all(html, /\sid="([^"]+)"/g);
const made = all(web['figures.js'], /^ {2}\['([\w-]+)'/gm).map((key) => `figure-${key}`);
const known = new Set([...ids, ...made]);
expect(new Set(ids).size === ids.length, `index.html: an id occurs twice: ${ids.filter((id, at) => ids.indexOf(id) !== at)}`);
const references = {
  'index.html': all(html, /(?:href="#|\sfor="|aria-labelledby=")([^"]+)"/g),
  'cameras.js': all(web['cameras.js'].match(/STATES = .*/)[0], /'(\w+)'/g).concat('unknown').map((state) => `shutter-${state}`),
};
for (const [name, text] of Object.entries(web)) {
  if (name.endsWith('.js')) (references[name] ??= []).push(...all(text, /(?:\$|getElementById)\('([\w-]+)'\)/g));
  if (name.endsWith('.css')) references[name] = all(text.replace(/\{[^{}]*\}/g, '{}'), /#([a-z][\w-]*)/g);
}
for (const name of Object.keys(tests).filter((file) => /(\.test|^viewer-page)\.mjs$/.test(file))) {
  references[name] = all(tests[name], /(?:getElementById|\.text|locator|click|focus)\('#?([a-z][\w-]*)'\)/g);
}
for (const [name, list] of Object.entries(references)) {
  for (const id of list) expect(known.has(id), `${name}: no element has the id ${id}`);
}

// Everything that can be operated or looked at has a name.
for (const [, tag, attributes, content] of html.matchAll(/<(button|select|video)\b([^>]*)>([\s\S]*?)<\/\1>/g)) {
  const id = attributes.match(/id="([^"]+)"/)?.[1];
  const named = /aria-label=/.test(attributes) || html.includes(`<label for="${id}"`)
    || (tag === 'button' && content.replace(/<[^>]*>/g, '').trim());
  expect(named, `index.html: ${tag} ${id} has no label`);
  expect(tag !== 'button' || /type="(button|submit)"/.test(attributes), `index.html: button ${id} has no type`);
}
for (const input of html.match(/<input\b[^>]*>/g) ?? []) {
  expect(html.match(/<label>(?:(?!<\/label>)[\s\S])*<\/label>/g)?.some((label) => label.includes(input)), `index.html: ${input} has no label`);
}
for (const svg of html.match(/<svg\b[^>]*>/g)) expect(/aria-(hidden|label)/.test(svg), `index.html: ${svg} has no label and is not hidden`);
for (const [needed, what] of [[/<html lang=/, 'language'], [/<title>/, 'title'], [/role="status"[^>]*aria-live/, 'live status'], [/role="alert"/, 'alert']]) {
  expect(needed.test(html), `index.html: no ${what}`);
}

// Text can be read in both colour schemes (WCAG AA).
const luminance = (colour) => {
  const channels = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2];
};
const contrast = (a, b) => {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
};
const [light, dark] = web['viewer.css'].match(/:root \{[^}]*\}/g)
  .map((block) => Object.fromEntries([...block.matchAll(/--([\w-]+): (#\w{6})/g)].map(([, name, colour]) => [name, colour])));
for (const [scheme, colours] of Object.entries({ light, dark: { ...light, ...dark } })) {
  for (const [ink, ground] of [['ink', 'panel'], ['ink', 'ground'], ['muted', 'panel'], ['muted', 'ground'], ['on-accent', 'accent'], ['open', 'panel'], ['warn', 'panel'], ['muted', 'warn-ground'], ['stage-ink', 'stage']]) {
    const ratio = contrast(colours[ink], colours[ground]);
    expect(ratio >= 4.5, `viewer.css, ${scheme}: ${ink} on ${ground} is ${ratio.toFixed(2)}:1, not 4.5:1`);
  }
}

// The steps are the service's, in its order and its numbering.
const order = read('src/lifecycle/steps.rs');
const rows = (kind) => [...order.matchAll(new RegExp(`${kind} \\{[^}]*?number: (\\d+), name: "([\\w-]+)"[^}]*?(?:place: (\\w+)|worker: Worker::(\\w+))`, 'g'))]
  .map(([, number, step, place, worker]) => ({ number: Number(number), step, place: (place ?? worker).replace(/\B[A-Z]/g, '-$&').toLowerCase() }));
const starts = rows('StepRow');
expect(starts.length === 15, `steps.rs: ${starts.length} start rows read, 15 expected`);
for (const [name, ours, theirs] of [['offerer', START.offerer, starts], ['answerer', START.answerer, starts], ['end', END, rows('UndoRow')]]) {
  for (const [at, { step, place }] of ours.entries()) {
    const row = theirs.find((one) => one.step === step);
    expect(row?.number === at + 1 && row.place === place, `steps.js, ${name}: ${at + 1} ${step} (${place}) is not what steps.rs has`);
  }
}
for (const { step } of [...starts, ...rows('UndoRow')]) {
  expect([...START.offerer, ...START.answerer, ...END].some((one) => one.step === step), `steps.js: ${step} is missing`);
}

expect(!/"resolved"|registry/.test(read('tests/browser/package-lock.json')), 'package-lock.json: names a registry');

for (const fault of faults) console.error(fault);
console.log(faults.length ? `page lint: ${faults.length} faults` : `page lint: ${Object.keys(web).length} files of the page, ${Object.keys(tests).length} of its tests, ${Object.keys(device).length} of the device's: ok`);
process.exitCode = faults.length ? 1 : 0;
