// SPDX-License-Identifier: MIT OR Apache-2.0
// Waiting for events, with deadlines.

/** How long an event may take on a slow, loaded machine. */
export const DEADLINE_MS = Number(process.env.BROWSER_DEADLINE_MS ?? 20_000);

/** `promise`, or the complaint that `what` did not come in time. */
export async function within(promise, what, ms = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
