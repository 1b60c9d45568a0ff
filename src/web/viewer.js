// SPDX-License-Identifier: MIT OR Apache-2.0
// The page: what the buttons do, and what the page says.

import { CameraList, glyphOf } from './cameras.js';
import { Figures } from './figures.js';
import { isPlain, problemOfOutcome, sentence } from './problem.js';
import { ServiceStatus } from './status.js';
import { Timeline, duration } from './timeline.js';
import { WebSocketPeer } from './websocket.js';
import { WhepPeer } from './whep.js';

// The device's own deadlines are shorter; this is for a device that does not answer at all.
const END_DEADLINE_MS = 8000;

const $ = (id) => document.getElementById(id);
const picture = $('picture');
const cameraList = new CameraList($('cameras'));
const figures = new Figures($('figures'));
const timeline = new Timeline({
  session: $('timeline-session'),
  startList: $('steps-start'),
  startTotal: $('start-total'),
  endList: $('steps-end'),
  endTotal: $('end-total'),
}, timelineTold);

let viewing = null; // what is being watched: { peer, camera, phase, … }
let cameras = [];

const role = () => ($('role-offerer').checked ? 'offerer' : 'answerer');
const chosenCamera = () => $('camera').value;

function say(text) {
  if ($('status').textContent !== text) $('status').textContent = text;
}

function watch() {
  if (viewing || !chosenCamera()) return;
  dismiss();
  const camera = chosenCamera();
  const peer = role() === 'offerer' ? new WebSocketPeer(camera) : new WhepPeer(camera);
  viewing = { peer, camera, phase: 'starting', pressed: performance.now(), seen: false };
  const mine = viewing;
  const on = (type, act) => peer.addEventListener(type, ({ detail }) => mine === viewing && act(detail));
  on('session', ({ id, generation }) => timeline.follow(id, generation));
  on('stream', (stream) => show(stream, mine));
  on('connection', connectionChanged);
  on('signalling-lost', () => say('Watching. The signalling connection is lost; the picture goes on.'));
  on('problem', (problem) => notify(problem, false));
  on('refused', (problem) => finish(problem));
  on('ended', ended);
  timeline.reset(role());
  say('Starting…');
  draw('stop');
  figures.follow(peer.connection, (stalled) => {
    $('stalled').hidden = !stalled || viewing?.phase !== 'running';
  }, () => figuresOf(peer.session));
  peer.start();
}

/** The device's figures of the session; none before it runs, nor where the device does not answer. */
async function figuresOf(session) {
  if (!session) return null;
  const response = await fetch(`/api/v1/sessions/${session}/stats`).catch(() => null);
  return response?.ok ? response.json() : null;
}

function show(stream, mine) {
  picture.srcObject = stream;
  // A browser may refuse to play until it is asked by a gesture; the picture's own events tell.
  picture.play().catch(() => {});
  picture.requestVideoFrameCallback(() => {
    if (mine !== viewing || mine.phase !== 'starting') return;
    mine.phase = 'running';
    say(`Watching. First picture after ${duration(performance.now() - mine.pressed)}.`);
    draw();
  });
}

async function stop() {
  if (!viewing || viewing.phase === 'stopping') return;
  const mine = viewing;
  mine.phase = 'stopping';
  say('Stopping…');
  picture.srcObject = null;
  draw();
  endDeadline(mine);
  try {
    await mine.peer.stop();
  } catch (error) {
    notify({ title: 'The device did not take the stop', detail: error.message, remedy: 'the device ends the session by itself when it hears nothing more from this page' }, false);
  }
  // Stopped before there was a session: no end will be told.
  if (mine === viewing && !mine.peer.session) finish(null);
}

// The device tells the end; if it cannot, this side ends all the same.
function endDeadline(mine) {
  mine.deadline ??= setTimeout(() => {
    if (mine !== viewing) return;
    finish({
      title: 'The device did not say that the session has ended',
      detail: 'This page has closed its side.',
      remedy: 'look at the camera’s state above before relying on it being closed',
      code: 'unreachable',
    });
  }, END_DEADLINE_MS);
}

function connectionChanged(state) {
  if (viewing.phase === 'stopping') return;
  if (state === 'disconnected') say('The connection is interrupted…');
  if (state === 'connected' && viewing.phase === 'running') say('Watching.');
  if (state === 'failed' || state === 'closed') {
    say('The connection is lost.');
    stop();
    viewing.lost = true;
  }
}

function ended(outcome) {
  if (outcome && !isPlain(outcome)) return finish(problemOfOutcome(outcome));
  if (viewing.lost) return finish({ title: 'The connection was lost', detail: 'No path to the device works any more.', code: 'ice-failed', remedy: 'check that the device is reachable over UDP, then watch again' });
  return finish(null);
}

function finish(problem) {
  clearTimeout(viewing.deadline);
  viewing.peer.close();
  viewing = null;
  figures.stop();
  picture.srcObject = null;
  $('stalled').hidden = true;
  if (problem) notify(problem, true);
  say(problem ? problem.title : 'Stopped.');
  draw('watch');
}

function timelineTold({ session, closedAfter }) {
  if (viewing || session.phase !== 'ended' || closedAfter === null) return;
  if ($('notice').hidden) say(`Stopped. The camera was observed closed after ${duration(closedAfter)}.`);
}

function notify({ title, detail, remedy, code }, over) {
  $('notice-title').textContent = title ?? 'Something failed';
  $('notice-detail').textContent = sentence(detail);
  $('notice-remedy').textContent = remedy ? `What helps: ${sentence(remedy)}` : '';
  $('notice-code').textContent = code ?? '';
  $('again').hidden = !over;
  $('notice').hidden = false;
}

function dismiss() {
  $('notice').hidden = true;
}

/** Brings buttons and curtain in line with the state. `focus`: the button that takes over. */
function draw(focus) {
  const phase = viewing?.phase ?? 'idle';
  const had = document.activeElement;
  $('stage').dataset.phase = phase;
  $('watch').disabled = phase !== 'idle' || !cameras.length;
  $('stop').disabled = phase === 'idle' || phase === 'stopping';
  $('fullscreen').hidden = phase !== 'running';
  for (const field of [$('camera'), $('role-answerer'), $('role-offerer')]) field.disabled = phase !== 'idle';
  // A button that is disabled under the keyboard's focus must not drop it.
  if (focus && (had === document.body || had?.disabled || had?.closest('[hidden]'))) $(focus).focus();

  const name = viewing?.camera ?? chosenCamera();
  const camera = cameras.find((one) => one.name === name);
  $('curtain-glyph').setAttribute('href', glyphOf(camera?.state));
  $('curtain').dataset.state = camera?.state ?? 'unknown';
  const words = { starting: 'Starting', stopping: 'Closing' }[phase];
  const text = words ? `${words}${viewing.step ? ` · ${viewing.step}` : '…'}` : camera ? `${camera.name} is ${camera.state}` : '';
  if ($('curtain-text').textContent !== text) $('curtain-text').textContent = text;
}

function statusCame(status) {
  cameras = status.cameras;
  const matter = status.stopping ? ['the service is stopping'] : status.shut.map(({ what }) => what);
  $('service').textContent = matter.length ? sentence(matter.join(', ')) : `${location.host} · v${status.version}`;
  cameraList.show(cameras);
  offerCameras();
  timeline.noticed(status);
  const id = viewing?.peer.session;
  const session = id && status.sessions.find((one) => one.id === id);
  if (session) {
    viewing.seen = true;
    viewing.step = session.step;
    if (session.phase === 'ended') ended(session.outcome);
  } else if (viewing?.seen) {
    finish({ title: 'The device does not know this session any more', detail: 'The service was started anew.', code: 'session-unknown' });
  }
  if (viewing?.phase === 'running') cameraTold(cameras.find(({ name }) => name === viewing.camera));
  draw();
}

// A camera that failed is opened again while its viewers stay: the picture goes on by itself.
function cameraTold(camera) {
  const lost = camera?.state === 'opening' ? camera.fault : null;
  if (lost && !viewing.cameraLost) say(`Camera lost: ${sentence(lost.detail)} It is being opened again…`);
  if (!lost && viewing.cameraLost) say('Watching. The camera is back.');
  viewing.cameraLost = Boolean(lost);
}

function offerCameras() {
  const select = $('camera');
  const names = cameras.map(({ name }) => name);
  if ([...select.options].map(({ value }) => value).join('\n') === names.join('\n')) return;
  // A link names a camera as `/#name`.
  const wanted = select.value || decodeURIComponent(location.hash.slice(1));
  select.replaceChildren(...names.map((name) => new Option(name, name)));
  if (names.includes(wanted)) select.value = wanted;
  $('camera-field').hidden = names.length < 2;
}

const service = new ServiceStatus();
service.addEventListener('status', ({ detail }) => statusCame(detail));
service.addEventListener('unreachable', () => {
  $('service').textContent = 'The device does not answer; asking again…';
  cameraList.unknown();
});

$('controls').addEventListener('submit', (event) => {
  event.preventDefault();
  watch();
});
$('stop').addEventListener('click', stop);
$('again').addEventListener('click', watch);
$('dismiss').addEventListener('click', () => {
  dismiss();
  $(viewing ? 'stop' : 'watch').focus();
});
$('notes').addEventListener('click', () => {
  const shown = $('notes').getAttribute('aria-pressed') !== 'true';
  $('notes').setAttribute('aria-pressed', String(shown));
  $('timeline').dataset.notes = shown ? 'shown' : '';
});
$('camera').addEventListener('change', () => draw());
for (const choice of [$('role-answerer'), $('role-offerer')]) {
  choice.addEventListener('change', () => timeline.reset(role()));
}
$('fullscreen').addEventListener('click', () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else $('stage').requestFullscreen();
});
// The one event that browsers still deliver when a page goes away.
addEventListener('pagehide', () => {
  if (!viewing) return;
  viewing.peer.abandon();
  clearTimeout(viewing.deadline);
  viewing = null;
  picture.srcObject = null;
  figures.stop();
  say('Stopped.');
  draw();
});
draw();
