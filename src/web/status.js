// SPDX-License-Identifier: MIT OR Apache-2.0
// The service's status, followed by long polling.

// After a failure the device is asked again, less and less often.
const RETRY_MS = [500, 1000, 2000, 5000];

/** Tells `status` (detail: the status) on every change and `unreachable` when no answer comes. */
export class ServiceStatus extends EventTarget {
  #abort = null;

  constructor() {
    super();
    // A hidden page needs no news, and browsers allow only six connections to one host: pages
    // that nobody sees must not use them up.
    document.addEventListener('visibilitychange', () => this.#decide());
    addEventListener('pagehide', () => this.#abort?.abort());
    addEventListener('pageshow', () => this.#decide());
    this.#decide();
  }

  #decide() {
    if (document.hidden) this.#abort?.abort();
    else if (!this.#abort || this.#abort.signal.aborted) this.#follow(new AbortController());
  }

  async #follow(abort) {
    this.#abort = abort;
    let serial = null;
    let failures = 0;
    while (!abort.signal.aborted) {
      try {
        const query = serial === null ? '' : `?after=${serial}`;
        const response = await fetch(`/api/v1/status${query}`, { signal: abort.signal, cache: 'no-store' });
        if (!response.ok) throw new Error(`status ${response.status}`);
        failures = 0;
        if (response.status !== 200) continue; // nothing new within the service's patience
        const status = await response.json();
        if (abort.signal.aborted) return;
        serial = status.serial;
        this.dispatchEvent(new CustomEvent('status', { detail: status }));
      } catch (error) {
        if (abort.signal.aborted) return;
        // A service that was started anew counts from the beginning.
        serial = null;
        this.dispatchEvent(new CustomEvent('unreachable', { detail: error }));
        const pause = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
        failures += 1;
        await new Promise((resolve) => { setTimeout(resolve, pause); });
      }
    }
  }
}
