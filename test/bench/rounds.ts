// Rounds: in each, every workload runs on every system that takes part in it, one slot after the
// other. Workloads and systems both start one place further in each round, so none always follows
// the same neighbour. A slot begins when the systems are idle. A slot that fails is recorded as a
// failure.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Options } from './options.ts';
import { runSlot, type Slot } from './slot.ts';
import type { System } from './system.ts';
import { usageOf } from './usage.ts';
import type { Workload } from './workloads.ts';

const restProbeMs = 200;
const restTimeoutMs = 3_000;
const restCoresMax = 0.15;

interface Failure {
  readonly system: string;
  readonly workload: string;
  readonly round: number;
  readonly reason: string;
}

export interface Rounds {
  readonly slots: readonly Slot[];
  readonly failures: readonly Failure[];
}

export interface Contest {
  readonly workload: Workload;
  readonly systems: readonly System[];
}

export async function runRounds(
  contests: readonly Contest[],
  options: Options,
  progress: (line: string) => void,
): Promise<Rounds> {
  const slots: Slot[] = [];
  const failures: Failure[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    for (const { workload, systems } of rotated(contests, round)) {
      for (const system of rotated(systems, round)) {
        await rest(systems.flatMap(({ pids }) => pids));
        const where = { system: system.name, workload: workload.id, round };
        try {
          const slot = await runSlot(system, workload, round, options);
          if (slot.errors > 0) throw new Error(`${slot.errors} errors, first: ${slot.firstError}`);
          if (slot.opsPerSecond === 0) throw new Error('no operation was completed');
          slots.push(slot);
          progress(lineOf(slot));
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          failures.push({ ...where, reason });
          progress(`round ${round + 1} ${workload.id} ${system.name}: FAILED ${reason}`);
        }
      }
    }
  }
  return { slots, failures };
}

/**
 * Waits until the processes together use little CPU, but only up to a limit: some are never idle.
 */
export async function rest(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + restTimeoutMs;
  while (performance.now() < deadline) {
    const before = usageOf(pids).cpuSeconds;
    await sleep(restProbeMs);
    if (usageOf(pids).cpuSeconds - before <= (restCoresMax * restProbeMs) / 1000) return;
  }
}

function rotated<T>(items: readonly T[], by: number): readonly T[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

function lineOf(slot: Slot): string {
  const ops = Math.round(slot.opsPerSecond).toLocaleString('en');
  const cpu = `server ${slot.cpuMicrosPerOp.toFixed(1)} µs/op`;
  const client = `client ${slot.clientMicrosPerOp.toFixed(1)} µs/op`;
  return `round ${slot.round + 1} ${slot.workload} ${slot.system}: ${ops} op/s, ${cpu}, ${client}`;
}
