// SPDX-License-Identifier: MIT OR Apache-2.0
// The steps of one session as a chart: one row for each, a bar from when it began to when it ended.

import { END, START } from './steps.js';

export class Timeline {
  #parts;
  #tables = {};
  #id = null;
  #serial = null;
  #fetching = false;
  #again = false;

  /** `parts`: the elements `session`, `startList`, `startTotal`, `endList`, `endTotal`. */
  constructor(parts, told) {
    this.#parts = parts;
    this.told = told;
    this.reset('answerer');
  }

  /** Shows what will run, and that nothing has. */
  reset(role) {
    this.#id = null;
    this.#serial = null;
    this.#parts.session.textContent = '';
    this.#tables.start = new Table(this.#parts.startList, this.#parts.startTotal, START[role]);
    this.#tables.end = new Table(this.#parts.endList, this.#parts.endTotal, END);
  }

  /** Shows the session of that id from now on. */
  follow(id, generation) {
    this.#id = id;
    this.#name(id, generation);
    this.#refresh();
  }

  /** A new status came: what it says of our session decides whether there is news. */
  noticed(status) {
    const session = status.sessions.find(({ id }) => id === this.#id);
    if (!session || session.serial === this.#serial) return;
    this.#serial = session.serial;
    this.#refresh();
  }

  #name(id, generation) {
    this.#parts.session.textContent = generation ? `session ${generation} · ${id}` : id;
  }

  // One request at a time; what changes meanwhile is asked for once more.
  async #refresh() {
    if (this.#fetching) {
      this.#again = true;
      return;
    }
    this.#fetching = true;
    try {
      do {
        this.#again = false;
        const id = this.#id;
        const response = await fetch(`/api/v1/sessions/${id}/timeline`, { cache: 'no-store' });
        if (!response.ok) break;
        const timeline = await response.json();
        if (id === this.#id) this.#show(timeline);
        else this.#again = this.#id !== null;
      } while (this.#again);
    } catch {
      // The status tells that the device cannot be reached; the chart keeps what it shows.
    } finally {
      this.#fetching = false;
    }
  }

  #show({ session, entries }) {
    this.#name(session.id, session.generation);
    const over = session.phase === 'ended';
    const start = entries.filter((entry) => entry.table === 'start');
    const end = entries.filter((entry) => entry.table === 'end');
    this.#tables.start.show(start, 0, over || end.length > 0);
    this.#tables.end.show(end, end[0]?.asked_ms ?? 0, over);
    this.#tables.start.total(startTotal(start));
    const closed = session.outcome?.held.includes('camera') ? null : closedAfter(end);
    this.#tables.end.total(endTotal(end, closed));
    this.told({ session, closedAfter: closed });
  }
}

/** Milliseconds from the first step of the end until the camera was observed closed. */
function closedAfter(end) {
  const close = end.findLast(({ step }) => step === 'close-camera');
  if (close?.result !== 'done' || close.note?.startsWith('kept')) return null;
  return close.ended_ms - end[0].asked_ms;
}

function startTotal(start) {
  const last = start.at(-1);
  if (!last) return '';
  if (last.step === 'enable-tracks' && last.result === 'done') return `first packet after ${duration(last.ended_ms)}`;
  return last.result === 'in-progress' ? `step ${last.number} of 12` : `${last.result} at step ${last.number}`;
}

function endTotal(end, closed) {
  if (closed !== null) return `camera closed after ${duration(closed)}`;
  const close = end.findLast(({ step }) => step === 'close-camera');
  if (!close) return end.length ? 'ending' : '';
  if (close.result === 'done') return close.note?.startsWith('kept') ? `camera ${close.note}` : 'camera not observed closed';
  return close.result === 'in-progress' ? 'closing the camera' : `close-camera ${close.result}`;
}

class Table {
  #rows = new Map();
  #list;
  #total;

  constructor(list, total, steps) {
    this.#list = list;
    this.#total = total;
    list.replaceChildren();
    list.style.removeProperty('--tick');
    this.total('');
    for (const { step, place } of steps) this.#rows.set(step, row(list, step, place));
  }

  total(text) {
    if (this.#total.textContent !== text) this.#total.textContent = text;
  }

  /** `entries` against a scale that begins at `origin`; `over`: no more will run. */
  show(entries, origin, over) {
    const last = Math.max(1, ...entries.map((entry) => (entry.ended_ms ?? entry.began_ms) - origin));
    const percent = (ms) => `${((ms / last) * 100).toFixed(3)}%`;
    if (entries.length) this.#list.style.setProperty('--tick', percent(tick(last)));
    for (const row of this.#rows.values()) {
      row.item.dataset.result = over ? 'not-run' : 'to-come';
      row.time.textContent = over ? '–' : '';
    }
    for (const entry of entries) {
      const row = this.#rows.get(entry.step);
      if (!row) continue;
      const end = entry.ended_ms ?? origin + last;
      row.item.dataset.result = entry.result;
      row.wait.style.left = percent(entry.asked_ms - origin);
      row.wait.style.width = percent(entry.began_ms - entry.asked_ms);
      row.bar.style.left = percent(entry.began_ms - origin);
      row.bar.style.width = percent(end - entry.began_ms);
      row.time.textContent = timeText(entry);
      row.note.textContent = entry.note ?? '';
    }
  }
}

function row(list, step, place) {
  const element = (tag, className) => {
    const made = document.createElement(tag);
    made.className = className;
    return made;
  };
  const item = element('li', '');
  item.dataset.step = step;
  item.dataset.result = 'to-come';
  const name = element('span', 'step');
  const track = element('span', 'track');
  const wait = element('i', 'wait');
  const bar = element('i', 'bar');
  bar.dataset.place = place;
  const time = element('span', 'time');
  const note = element('span', 'note');
  name.textContent = step;
  track.append(wait, bar);
  item.append(name, track, time, note);
  list.append(item);
  return { item, wait, bar, time, note };
}

function timeText({ result, began_ms, ended_ms }) {
  if (result === 'in-progress') return 'now';
  if (result === 'done') return duration(ended_ms - began_ms);
  return `✕ ${result === 'abandoned' ? 'left' : result}`;
}

/** Milliseconds as a person reads them. */
export function duration(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms.toFixed(ms < 9.95 ? 1 : 0)} ms`;
}

/** A round distance for about four lines over `span`. */
function tick(span) {
  const raw = span / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
}
