// SPDX-License-Identifier: MIT OR Apache-2.0
// Problem documents (RFC 9457 with `code` and `remedy`), and outcomes, as a person reads them.

/** The problem document of a response that is not a success. */
export async function problemOf(response) {
  const text = await response.text();
  try {
    const problem = JSON.parse(text);
    if (problem.title || problem.detail) return problem;
  } catch {
    // Something between the page and the device answered: say what it said.
  }
  return {
    title: `The device answered ${response.status} ${response.statusText}`.trim(),
    status: response.status,
    detail: text.slice(0, 300),
  };
}

/** The problem when a request got no answer at all. */
export function unreachable(error) {
  return {
    title: 'The device cannot be reached',
    detail: `No answer to the request (${error.message}).`,
    remedy: 'check that the device is on and on the same network, then try again',
    code: 'unreachable',
  };
}

const ENDED_BY = {
  api: 'It was stopped on the device.',
  viewer: 'It was stopped from here.',
  'time-limit': 'The configured time limit is over.',
  shutdown: 'The service on the device is shutting down.',
  sleep: 'The device was about to sleep.',
  'lens-cover': 'The lens cover was shut.',
  'privacy-switch': 'The privacy switch was put on.',
  doffed: 'The headset was taken off.',
};

/** Whether the viewer asked for this end and all of it went as it should. */
export function isPlain(outcome) {
  const { cause, unclean = [], held = [] } = outcome;
  return cause.kind === 'requested' && cause.by === 'viewer' && !unclean.length && !held.length;
}

/** An outcome, as a problem document. */
export function problemOfOutcome({ cause, unclean = [], held = [] }) {
  const problem = describeCause(cause);
  const left = unclean.map(({ undo, why }) => `${undo} (${why.replace('-', ' ')})`);
  if (left.length) {
    problem.detail += ` These steps of the end had to be forced: ${left.join(', ')}.`;
  }
  if (held.includes('camera')) {
    problem.title = 'The camera was not observed closed';
    problem.remedy = 'look at the camera’s entry on this page: it names what still holds it';
  }
  return problem;
}

function describeCause(cause) {
  const { kind, by, step, fault } = cause;
  switch (kind) {
    case 'requested':
      return { title: 'The session has ended', detail: ENDED_BY[by] ?? `Asked by ${by}.`, code: by };
    case 'start-failed':
      return { title: `The session did not start: ${step} failed`, detail: sentence(fault.detail), code: fault.code };
    case 'start-late':
      return {
        title: `The session did not start: ${step} took too long`,
        detail: 'The step missed its deadline; everything begun was undone.',
        code: 'late',
      };
    case 'lost':
      return { title: 'The session was lost', detail: sentence(fault.detail), code: fault.code };
    default:
      return { title: 'The session has ended', detail: '', code: kind };
  }
}

/** `text` with a capital and a full stop. */
export function sentence(text = '') {
  const trimmed = text.trim();
  if (!trimmed) return '';
  const capital = trimmed[0].toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}
