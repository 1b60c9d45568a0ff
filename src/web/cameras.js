// SPDX-License-Identifier: MIT OR Apache-2.0
// The cameras of the device, and whether each is open: by a word and a shape, not by colour alone.

const STATES = new Set(['closed', 'opening', 'open', 'closing', 'wedged']);

/** The name of the symbol for a camera's state. */
export function glyphOf(state) {
  return `#shutter-${STATES.has(state) ? state : 'unknown'}`;
}

export class CameraList {
  #list;
  #rows = new Map();

  constructor(list) {
    this.#list = list;
  }

  show(cameras) {
    const names = new Set(cameras.map((camera) => camera.name));
    for (const [name, row] of this.#rows) {
      if (names.has(name)) continue;
      row.item.remove();
      this.#rows.delete(name);
    }
    for (const camera of cameras) this.#fill(this.#rows.get(camera.name) ?? this.#add(camera.name), camera);
  }

  /** The device does not answer: what was known of its cameras is not known any more. */
  unknown() {
    for (const row of this.#rows.values()) {
      row.item.dataset.state = 'unknown';
      row.use.setAttribute('href', glyphOf('unknown'));
      row.state.textContent = 'not known';
      row.viewers.textContent = '';
      row.fault.hidden = true;
    }
  }

  #add(name) {
    const item = document.createElement('li');
    item.setAttribute('aria-atomic', 'true');
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('aria-hidden', 'true');
    const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    svg.append(use);
    const part = (className) => {
      const element = document.createElement('span');
      element.className = className;
      return element;
    };
    const row = { item, use, name: part('name'), state: part('state'), viewers: part('viewers'), fault: part('fault') };
    row.name.textContent = name;
    item.append(svg, row.name, row.state, row.viewers, row.fault);
    this.#list.append(item);
    this.#rows.set(name, row);
    return row;
  }

  #fill(row, camera) {
    row.item.dataset.state = camera.state;
    row.use.setAttribute('href', glyphOf(camera.state));
    setText(row.state, camera.state);
    const codec = camera.codec ? ` · ${camera.codec.toUpperCase()}` : '';
    setText(row.viewers, `${camera.viewers} of ${camera.max_viewers} viewers${codec}`);
    row.fault.hidden = !camera.fault;
    setText(row.fault, camera.fault ? `${camera.fault.detail} (${camera.fault.code})` : '');
  }
}

// Only what changed is written, so that a screen reader says only what changed.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
