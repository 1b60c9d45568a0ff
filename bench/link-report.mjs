// SPDX-License-Identifier: MIT OR Apache-2.0
// A run over the shaped path as a table.

const NAMES = [['ours', 'shutterd'], ['peer', 'whepserversink']];
const whole = (value) => value.toFixed(0);
const one = (value) => value.toFixed(1);

function cells({ failed, ...figures }) {
  if (failed) return [failed, ...Array(11).fill('–')];
  const { fps, freezes, frozen, longestGap, unreadable, age, kbps, lost, packets, nacks, retransmitted, plis, keyframes, path } = figures;
  return [
    one(fps), `${freezes} (${one(frozen)} s)`, whole(longestGap), unreadable, age ? `${whole(age.p50)} (${whole(age.p99)})` : '–', whole(kbps),
    packets + lost > 0 ? one((100 * lost) / (packets + lost)) : '–', nacks, retransmitted, plis, keyframes, path.dropped,
  ];
}

const rows = (name, result) => NAMES.map(([side, label]) => `| ${[name, label, ...cells(result[side])].join(' | ')} |`);

const until = (seconds, bound) => (seconds === null ? `not within ${whole(bound)} s` : `${one(seconds)} s`);

function changes({ drop, size }) {
  return NAMES.filter(([side]) => !drop[side].failed).map(([side, label]) => {
    const { flowingAfterDrop, flowingAfterRise, phases: [wide,, again] } = drop[side];
    return `| ${label} | ${until(flowingAfterDrop, size.narrow)} | ${until(flowingAfterRise, size.after)} | ${whole(wide.kbps)} | ${whole(again.kbps)} |`;
  });
}

/** What was run on what, and the tables. */
export function table(run) {
  const { machine, versions, picture, size, paths, drop, congestion, seed } = run;
  const phases = ['4 Mb/s before', '500 kb/s', '4 Mb/s again'].flatMap((name, at) => rows(name,
    Object.fromEntries(NAMES.map(([side]) => [side, drop[side].failed ? drop[side] : drop[side].phases[at]]))));
  return `One run, ${machine.when}, ${machine.processor} with ${machine.cores} cores, load average ${machine.load} before it; shutterd
${versions.shutterd} beside \`whepserversink\` ${versions.peer} with its congestion control (\`${congestion}\`), in turn; GStreamer ${versions.gstreamer},
Chromium ${versions.chromium}; ${picture.width}×${picture.height} at ${picture.framerate} frames per second and ${picture.bitrate / 1e6} Mb/s at the most, \`${picture.encoder}\`,
\`${picture.pattern}\`. Each session begins on a clear path; ${size.seconds} s are counted, from ${size.settle} s after the path has
changed. The path's queue holds 300 ms; losses are in both directions, seed ${seed}.

| path | side | frames per s | freezes | longest gap, ms | frames with an unreadable time code | capture → decoded, ms: median (p99) | received, kb/s | lost, % | NACKs | retransmitted | PLIs | keyframes | dropped by the queue |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
${paths.flatMap((path) => rows(`${path.name} (\`${path.settings}\`)`, path)).join('\n')}
${phases.join('\n')}

The picture flows again, each half second with two thirds of the camera's frames and none older than 500 ms:

| side | after the drop to 500 kb/s | after the return to 4 Mb/s | kb/s before the drop | kb/s after the return |
|---|---|---|---|---|
${changes(run).join('\n')}
`;
}
