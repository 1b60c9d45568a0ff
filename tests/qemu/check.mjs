// SPDX-License-Identifier: MIT OR Apache-2.0
//
// `shutterctl pipelines check --run` in the device.

/** Runs it as root; resolves with its exit code and what it found, one entry for each pipeline. */
export async function checkRun(guest, ...options) {
  const { code, stdout, stderr } = await guest.run(
    `GST_REGISTRY_1_0=/var/cache/gstreamer/registry.bin shutterctl pipelines check --run --json ${options.join(' ')}`,
    { milliseconds: 90_000 });
  if (!stdout) throw new Error(`exit code ${code}: ${stderr}`);
  return { code, tried: JSON.parse(stdout), stderr };
}

/** A row of the tables for people: step, result, milliseconds. */
export const table = ({ board, codec, steps }) => `${board}, ${codec}: ` + steps
  .filter(({ result }) => result).map(({ step, result, took_ms }) => `${step} ${result} ${Math.round(took_ms)} ms`).join(', ');
