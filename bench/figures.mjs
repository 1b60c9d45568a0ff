// SPDX-License-Identifier: MIT OR Apache-2.0
// From what was measured to the rows of the table. `make bench` is held to no figure: it says what is met.

export function quantile(samples, share) {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** What each further viewer adds: the least squares' slope over the counts of viewers. */
function slope(samples, what) {
  const points = Object.keys(samples).map((key) => key.match(`^${what}(\\d+)$`)).filter(Boolean)
    .map(([key, count]) => [Number(count), quantile(samples[key], 0.5)]);
  const mean = (at) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
  return over / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
}

const of = (key, share) => (samples) => (samples[key] ? quantile(samples[key], share) : null);
const further = (what) => (samples) => slope(samples, what);

/** A ratio's goal is the most that ours may be of the peer's; an absolute one, the most that it may be. */
const ROWS = [
  { row: 'POST → answer, warm', unit: 'ms', p50: of('answer', 0.5), p99: of('answer', 0.99), ratio: 0.06 },
  { row: 'POST → first decoded frame, warm, camera closed before', unit: 'ms', p50: of('frame', 0.5), p99: of('frame', 0.99), ratio: 0.12 },
  { row: 'POST → first decoded frame, a second viewer joins', unit: 'ms', p50: of('frameSecond', 0.5), p99: of('frameSecond', 0.99), ratio: 0.10 },
  { row: 'POST → first decoded frame, no gap between sessions', unit: 'ms', p50: of('frameNoGap', 0.5), p99: of('frameNoGap', 0.99) },
  { row: 'capture → decoded', unit: 'ms', p50: of('age', 0.5), p99: of('age', 0.99), ratio: 1.0, most: 50 },
  { row: 'stop → camera observed closed', unit: 'ms', p50: of('closed', 0.5), p99: of('closed', 0.99), most: 30, mostOfP99: 100 },
  { row: 'processor, one viewer', unit: '% of a core', p50: of('cpu1', 0.5), ratio: 0.9 },
  { row: 'processor, each further viewer', unit: '% of a core', p50: further('cpu'), ratio: 0.25 },
  { row: 'processor, nobody watches', unit: '% of a core', p50: of('idleCpu', 0.5), most: 0.05 },
  { row: 'wake-ups, nobody watches', unit: 'per s', p50: of('idleWakeUps', 0.5) },
  { row: 'memory, nobody has watched yet', unit: 'MiB', p50: of('idleMemory', 0.5), ratio: 0.35 },
  { row: 'the same, no spares kept', unit: 'MiB', p50: of('idleMemoryCold', 0.5), peer: of('idleMemory', 0.5), ratio: 0.12 },
  { row: 'memory, nobody watches any more', unit: 'MiB', p50: of('memoryAfter', 0.5) },
  { row: 'memory, each further viewer', unit: 'MiB', p50: further('memory'), ratio: 1.0 },
];

/**
 * One entry for each row: both sides' figures, their ratio, the goals, and whether they are met. A row that was not measured is an
 * error, unless the run is `partial`.
 */
export function rows({ ours, peer }, { partial = false } = {}) {
  return ROWS.filter(({ p50 }) => !partial || Number.isFinite(p50(ours))).map(({ row, unit, p50, p99 = () => null, peer: theirs = p50, ratio: goal, most, mostOfP99 }) => {
    const sides = {
      ours: { p50: p50(ours), p99: p99(ours) },
      peer: { p50: theirs(peer), p99: p99(peer) },
    };
    if (!Number.isFinite(sides.ours.p50)) throw new Error(`not measured: ${row}`);
    const ratio = (at) => (sides.peer[at] ? sides.ours[at] / sides.peer[at] : null);
    const goals = [
      goal !== undefined && { text: `≤ ${goal}`, met: ratio('p50') <= goal && (goal !== 1 || (ratio('p99') ?? 0) <= goal) },
      most !== undefined && { text: `≤ ${most} ${unit}`, met: sides.ours.p50 <= most },
      mostOfP99 !== undefined && { text: `p99 ≤ ${mostOfP99} ${unit}`, met: sides.ours.p99 <= mostOfP99 },
    ].filter(Boolean);
    return { row, unit, ...sides, ratio: { p50: ratio('p50'), p99: ratio('p99') }, goals };
  });
}
