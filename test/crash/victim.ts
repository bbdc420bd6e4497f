// A replica whose directory was damaged while it did not run, and the result of its start. Its log
// is read from this start on, so that it concerns this damage only.

import { rmSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestReplica } from '../support/processes.ts';
import { readLog } from './directory.ts';
import { GUARD_MS } from '../support/wait.ts';

export type Start =
  | { readonly kind: 'ready' }
  /** It runs and is not ready: its answers say why. */
  | { readonly kind: 'waits' }
  /** `how` is its code or its signal, `why` its last message. */
  | { readonly kind: 'left'; readonly how: string; readonly why: string };

const RESTARTS_MAX = 5;
const REASON_MAX = 300;

/** Starts it once. */
export async function startOnce(victim: TestReplica): Promise<Start> {
  rmSync(victim.logFile, { force: true });
  try {
    await victim.restart().finally(() => begun.set(victim, Date.now()));
    return { kind: 'ready' };
  } catch (error) {
    if (victim.isRunning) return { kind: 'waits' };
    return leftBy(victim, error);
  }
}

/** How a replica that does not run any more has ended. */
export async function endOf(victim: TestReplica): Promise<Start & { kind: 'left' }> {
  try {
    await victim.becomeReady();
  } catch (error) {
    return leftBy(victim, error);
  }
  throw new Error(`${victim.id} has not ended`);
}

function leftBy({ logFile }: TestReplica, error: unknown): Start & { kind: 'left' } {
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'left', how: howOf(message), why: lastLine(readLog(logFile)) };
}

/** Starts it like a supervisor: again when it ends, several times. */
export async function startSupervised(victim: TestReplica): Promise<number> {
  for (let starts = 1; ; starts++) {
    try {
      await victim.restart();
      return starts;
    } catch (error) {
      if (victim.isRunning || starts === RESTARTS_MAX) throw error;
    }
  }
}

/** The latest time at which its last incarnation can have begun. */
const begun = new WeakMap<TestReplica, number>();

/**
 * An incarnation is numbered by the second in which it begins. A directory that is put back in the
 * same second in which its last incarnation began would get the same number, which is not what this
 * part tests.
 */
export async function nextSecond(victim: TestReplica): Promise<void> {
  const second = Math.floor((begun.get(victim) ?? Date.now()) / 1000);
  await sleep(Math.max(0, (second + 1) * 1000 - Date.now()));
}

export function logLength(replica: TestReplica): number {
  return statSync(replica.logFile, { throwIfNoEntry: false })?.size ?? 0;
}

/** Whether it ends by itself, now or in a moment: its connections close before the process ends. */
export async function hasLeft(victim: TestReplica): Promise<boolean> {
  if (await isAnswering(victim)) return false;
  const deadline = performance.now() + GUARD_MS;
  while (victim.isRunning && performance.now() < deadline) await sleep(20);
  return !victim.isRunning;
}

async function isAnswering({ url }: TestReplica): Promise<boolean> {
  try {
    return (await fetch(`${url}/livez`, { signal: AbortSignal.timeout(GUARD_MS) })).ok;
  } catch {
    return false;
  }
}

function howOf(message: string): string {
  return / ended \((?<how>[^)]*)\)/.exec(message)?.groups?.['how'] ?? message;
}

function lastLine(log: string): string {
  const lines = log.trim().split('\n');
  return (lines.at(-1) ?? '').slice(0, REASON_MAX);
}
