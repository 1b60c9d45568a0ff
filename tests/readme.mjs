// SPDX-License-Identifier: MIT OR Apache-2.0
// The parts of README that commands write: between `<!-- NAME: … -->` and `<!-- /NAME -->`.

import { readFile, writeFile } from 'node:fs/promises';

const README = new URL('../README.md', import.meta.url);

/** Puts `text` in the place of the part `name`. */
export async function putIntoReadme(name, text) {
  const readme = await readFile(README, 'utf8');
  const [, before, after] = readme.match(new RegExp(`^(.*<!-- ${name}: [^\\n]* -->\\n).*(\\n<!-- /${name} -->.*)$`, 's')) ?? [];
  if (after === undefined) throw new Error(`README.md has no <!-- ${name}: … --> … <!-- /${name} -->`);
  await writeFile(README, `${before}\n${text.trim()}\n${after}`);
}
