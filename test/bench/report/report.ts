// The report: the circumstances of the run, then ratios, tail latencies, limits, and absolute
// values. Every table names its figures, so it can be judged without this file.

import type { Limit } from '../limits.ts';
import type { Result } from '../result.ts';
import type { Slot } from '../slot.ts';
import { latencyTargets, peerNames, type PeerName, type Workload } from '../workloads.ts';
import { number, spread, table } from './markdown.ts';
import { type Measure, ratioOf, type Spread, spreadOf, valueOf, verdictOn } from './ratio.ts';

const foreignCoresMax = 0.15;
const throughput: Measure = ({ opsPerSecond }) => opsPerSecond;

export function reportOf(result: Result): string {
  const parts = [
    conditions(result),
    section('Throughput, ours / peer', ratios(result)),
    section('99th percentile, ours / peer (figures are for 64 connections)', latencies(result)),
    section('Against the limit', limits(result.limits)),
    section('Measured', measured(result)),
    failures(result),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function conditions({ machine, options, syncs, systems, missing, slots }: Result): string {
  const { rounds, seconds, connections, keys, distribution, entry } = options;
  const lines = [
    `${machine.cores} cores (${machine.processor}), Node ${machine.node}; ` +
      `${rounds} rounds of ${seconds} s, ${connections} connections, ${keys} keys, ` +
      `${distribution}, clients at ${entry === 'all' ? 'all replicas' : 'one replica'}.`,
    `4 KiB write + fdatasync, before and after: p50 ${list(syncs.map(({ p50Ms }) => p50Ms))} ms, ` +
      `p99 ${list(syncs.map(({ p99Ms }) => p99Ms))} ms.`,
    'Cells: median (least–greatest) over the rounds. "client!": the client used more than 0.9 of ' +
      'a core, so the system may be faster than shown. "foreign cores": what neither the system ' +
      'nor the client used; much of it means that the machine was not free.',
    ...disturbance(slots),
    ...systems.map(({ name, about }) => `- ${name}: ${about}`),
    ...missing.map(({ name, missing: reason }) => `- ${name}: **missing** (${reason})`),
  ];
  return lines.join('\n');
}

// Other work on the machine slows every system down, but not all of them alike.
function disturbance(slots: readonly Slot[]): readonly string[] {
  const foreign = spreadOf(slots.map(({ foreignCores }) => foreignCores));
  if (foreign === undefined || foreign.median <= foreignCoresMax) return [];
  return [`**The machine was not free**: others used ${spread(foreign)} cores. Measure again.`];
}

function ratios(result: Result): string {
  const head = ['workload', ...peerNames];
  const rows = result.options.workloads.map((workload) => {
    return [workload.title, ...peerNames.map((peer) => ratioCell(result, workload, peer))];
  });
  return rows.length === 0 ? '' : table(head, rows);
}

function ratioCell({ slots }: Result, workload: Workload, peer: PeerName): string {
  const target = workload.targets[peer];
  if (target === undefined) return '–';
  const theirs = { system: peer, workload: workload.id };
  const ratio = ratioOf(slots, { system: 'conit', workload: workload.id }, theirs, throughput);
  const figures = `must ${target.must}, goal ${target.goal}`;
  const verdict = verdictOn(ratio, target.must, target.goal);
  if (ratio !== undefined) return `${spread(ratio)} · ${figures} · **${verdict}**`;
  const peerRate = valueOf(slots, theirs, throughput);
  if (peerRate === undefined) return `**missing** · ${figures}`;
  return `**missing** · ${figures}: ${number(peerRate.median * target.must)} op/s`;
}

function latencies({ slots, options }: Result): string {
  const rows = latencyTargets
    .filter(({ workload }) => options.workloads.some(({ id }) => id === workload))
    .map(({ workload, op, peer, atMost }) => {
      const tail: Measure = (slot) => (op === 'put' ? slot.puts.p99Ms : slot.gets.p99Ms);
      const theirs = { system: peer, workload };
      const ratio = ratioOf(slots, { system: 'conit', workload }, theirs, tail);
      const verdict = verdictOn(ratio, atMost, undefined, true);
      const peerTail = valueOf(slots, theirs, tail);
      return [
        `${op} (${workload})`,
        peer,
        shown(peerTail),
        `${shown(ratio)} · must ≤ ${atMost} · **${verdict}**`,
      ];
    });
  return rows.length === 0 ? '' : table(['operation', 'peer', 'peer p99, ms', 'ratio'], rows);
}

function limits(rows: readonly Limit[]): string {
  if (rows.length === 0) return '';
  const sign = ({ isCeiling }: Limit) => (isCeiling ? '≤' : '≥');
  return table(
    ['limit', 'measured', 'must', 'goal', 'verdict', ''],
    rows.map((limit) => [
      limit.title,
      shown(limit.measured),
      `${sign(limit)} ${limit.must}`,
      limit.goal === undefined ? '–' : `${sign(limit)} ${limit.goal}`,
      `**${verdictOn(limit.measured, limit.must, limit.goal, limit.isCeiling)}**`,
      limit.note,
    ]),
  );
}

const columns: readonly (readonly [string, Measure])[] = [
  ['op/s', throughput],
  ['put p50', ({ puts }) => orNothing(puts.count, puts.p50Ms)],
  ['put p99', ({ puts }) => orNothing(puts.count, puts.p99Ms)],
  ['put p99.9', ({ puts }) => orNothing(puts.count, puts.p999Ms)],
  ['get p50', ({ gets }) => orNothing(gets.count, gets.p50Ms)],
  ['get p99', ({ gets }) => orNothing(gets.count, gets.p99Ms)],
  ['get p99.9', ({ gets }) => orNothing(gets.count, gets.p999Ms)],
  ['server µs/op', ({ cpuMicrosPerOp }) => cpuMicrosPerOp],
  ['client µs/op', ({ clientMicrosPerOp }) => clientMicrosPerOp],
  ['client load', ({ clientLoad }) => clientLoad],
  ['foreign cores', ({ foreignCores }) => foreignCores],
  ['misses', ({ misses }) => misses],
  ['written B/op', ({ writtenBytesPerOp }) => writtenBytesPerOp],
  ['RSS MB', ({ rssBytes }) => rssBytes / 2 ** 20],
];

// Times are in ms. Only the throughput has its spread: the other columns explain it.
function measured({ slots }: Result): string {
  const cells = [...new Set(slots.map(({ workload, system }) => `${workload}/${system}`))];
  const rows = cells.toSorted().map((cell) => {
    const [workload = '', system = ''] = cell.split('/');
    const values = columns.map(([title, measure]) => {
      const value = valueOf(slots, { system, workload }, measure);
      if (value === undefined) return '–';
      if (title === 'client load')
        return number(value.median) + (value.median > 0.9 ? ' client!' : '');
      return title === 'op/s' ? spread(value) : number(value.median);
    });
    return [workload, system, ...values];
  });
  if (rows.length === 0) return '';
  return table(['workload', 'system', ...columns.map(([title]) => title)], rows);
}

function failures({ failures: failed }: Result): string {
  if (failed.length === 0) return '';
  const lines = failed.map(({ system, workload, round, reason }) => {
    return `- ${system}, ${workload}, round ${round + 1}: ${reason.replaceAll(/\s+/g, ' ')}`;
  });
  return `### Failed\n\n${lines.join('\n')}`;
}

function section(title: string, body: string): string {
  return body === '' ? '' : `### ${title}\n\n${body}`;
}

function list(values: readonly number[]): string {
  return values.map(number).join(', ');
}

function shown(value: Spread | undefined): string {
  return value === undefined ? '–' : spread(value);
}

function orNothing(count: number, value: number): number {
  return count === 0 ? Number.NaN : value;
}
