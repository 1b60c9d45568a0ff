// SPDX-License-Identifier: MIT OR Apache-2.0
// The parts of README and docs that commands write: between `<!-- NAME: … -->` and `<!-- /NAME -->`.

import { readFile, writeFile } from 'node:fs/promises';

const ROOT = new URL('../', import.meta.url);

/** Puts `text` in the place of the part `name` of README, or of another file of the tree. */
export async function putIntoReadme(name, text, file = 'README.md') {
  const page = new URL(file, ROOT);
  const old = await readFile(page, 'utf8');
  const [, before, after] = old.match(new RegExp(`^(.*<!-- ${name}: [^\\n]* -->\\n).*(\\n<!-- /${name} -->.*)$`, 's')) ?? [];
  if (after === undefined) throw new Error(`${file} has no <!-- ${name}: … --> … <!-- /${name} -->`);
  await writeFile(page, `${before}\n${text.trim()}\n${after}`);
}
