// One slot: one system under one workload for some seconds. The first part warms up and does not
// count. A slot with an error other than a miss has failed.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Quantiles } from './client/histogram.ts';
import { type Dataset, MixPlan, OncePlan } from './client/keys.ts';
import { Load, type Totals } from './client/load.ts';
import type { Options } from './options.ts';
import type { System } from './system.ts';
import { machineCpuSeconds, type Usage, usageOf } from './usage.ts';
import type { Workload } from './workloads.ts';

const drainTimeoutMs = 10_000;
const preloadTimeoutMs = 600_000;

export interface Slot {
  readonly system: string;
  readonly workload: string;
  readonly round: number;
  readonly seconds: number;
  readonly opsPerSecond: number;
  readonly puts: Quantiles;
  readonly gets: Quantiles;
  readonly misses: number;
  readonly errors: number;
  readonly firstError: string | undefined;
  /** CPU time of all server processes per operation. */
  readonly cpuMicrosPerOp: number;
  readonly clientMicrosPerOp: number;
  /** The share of one core that the client used; near 1, the client was measured. */
  readonly clientLoad: number;
  /** Cores used by everything else: idle systems, other programs, the host of the machine. */
  readonly foreignCores: number;
  readonly writtenBytesPerOp: number;
  readonly rssBytes: number;
  /** By how much the system's own counters grew, warm-up included. */
  readonly counted: Readonly<Record<string, number>>;
}

export function datasetOf(workload: Workload, keys: number): Dataset {
  const prefix = workload.valueBytes === 100 ? 'small-' : 'large-';
  return { prefix, keys, valueBytes: workload.valueBytes };
}

/** Writes every key once. Throws on any error, and if it takes too long. */
export async function preload(system: System, dataset: Dataset, options: Options): Promise<void> {
  if (system.fill !== undefined) {
    await within(system.fill(dataset), preloadTimeoutMs, 'the preload took too long');
    return;
  }
  const load = new Load({
    ports: portsOf(system, options),
    connections: options.connections,
    plan: new OncePlan(dataset.keys),
    valueBytes: dataset.valueBytes,
    wire: system.wires(dataset, 'local'),
  });
  try {
    await load.connect();
    load.begin();
    await within(load.finished, preloadTimeoutMs, 'the preload took too long');
    const { firstError } = load.totals();
    if (firstError !== undefined) throw new Error(`preload: ${firstError}`);
  } finally {
    load.close();
  }
}

export async function runSlot(
  system: System,
  workload: Workload,
  round: number,
  options: Options,
): Promise<Slot> {
  const dataset = datasetOf(workload, options.keys);
  const load = new Load({
    ports: portsOf(system, options),
    connections: options.connections,
    plan: new MixPlan(dataset.keys, workload.reads, options.distribution, round),
    valueBytes: dataset.valueBytes,
    wire: system.wires(dataset, workload.level),
  });
  try {
    await load.connect();
    const countedBefore = await system.counters?.();
    load.begin();
    await sleep(options.warmupSeconds * 1000);
    const measured = await measure(load, system, options.seconds);
    load.stop();
    await within(load.finished, drainTimeoutMs, 'requests were left without a reply');
    const counted = growth(countedBefore, await system.counters?.());
    const { totals, server, clientMicros, foreignSeconds } = measured;
    const { errors, firstError } = load.totals();
    return {
      system: system.name,
      workload: workload.id,
      round,
      seconds: totals.seconds,
      opsPerSecond: totals.ops / totals.seconds,
      puts: totals.puts,
      gets: totals.gets,
      misses: totals.misses,
      errors,
      firstError,
      cpuMicrosPerOp: (server.cpuSeconds * 1e6) / totals.ops,
      clientMicrosPerOp: clientMicros / totals.ops,
      clientLoad: clientMicros / 1e6 / totals.seconds,
      foreignCores: foreignSeconds / totals.seconds,
      writtenBytesPerOp: server.writtenBytes / totals.ops,
      rssBytes: server.rssBytes,
      counted,
    };
  } finally {
    load.close();
  }
}

interface Measured {
  readonly totals: Totals;
  readonly server: Usage;
  readonly clientMicros: number;
  readonly foreignSeconds: number;
}

async function measure(load: Load, system: System, seconds: number): Promise<Measured> {
  const clientBefore = process.cpuUsage();
  const before = usageOf(system.pids);
  const machineBefore = machineCpuSeconds();
  load.mark();
  await sleep(seconds * 1000);
  const totals = load.totals();
  const after = usageOf(system.pids);
  const machine = machineCpuSeconds() - machineBefore;
  const client = process.cpuUsage(clientBefore);
  const clientMicros = client.user + client.system;
  const server = {
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    rssBytes: after.rssBytes,
    writtenBytes: after.writtenBytes - before.writtenBytes,
  };
  const foreignSeconds = Math.max(0, machine - server.cpuSeconds - clientMicros / 1e6);
  return { totals, server, clientMicros, foreignSeconds };
}

function portsOf(system: System, options: Options): readonly number[] {
  return options.entry === 'all' ? system.ports : system.ports.slice(0, 1);
}

function growth(
  before: ReadonlyMap<string, number> | undefined,
  after: ReadonlyMap<string, number> | undefined,
): Record<string, number> {
  const grown = [...(after ?? [])].map(([name, value]) => {
    return [name, value - (before?.get(name) ?? 0)] as const;
  });
  return Object.fromEntries(grown.filter(([, value]) => value > 0));
}

async function within(work: Promise<void>, timeoutMs: number, fault: string): Promise<void> {
  const watch = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: watch.signal }).then(() => {
    throw new Error(fault);
  });
  late.catch(() => {});
  try {
    await Promise.race([work, late]);
  } finally {
    watch.abort();
  }
}
