// A replica whose directory was harmed while it did not run, and what comes of its start. Its log is taken from this
// start on, so that what it says is about this harm.

import { rmSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestReplica } from '../support/cluster.ts';
import { readLog } from './directory.ts';

export type Start =
  | { readonly kind: 'ready' }
  /** It runs and is not ready: it says why to whoever asks. */
  | { readonly kind: 'waits' }
  /** `how` is its code or its signal, `why` what it said last. */
  | { readonly kind: 'left'; readonly how: string; readonly why: string };

const RESTARTS_MAX = 5;
const REASON_MAX = 300;

/** Starts it once. */
export async function startOnce(victim: TestReplica): Promise<Start> {
  rmSync(victim.logFile, { force: true });
  try {
    await victim.restart();
    return { kind: 'ready' };
  } catch (error) {
    if (victim.isRunning) return { kind: 'waits' };
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'left', how: howOf(message), why: lastLine(readLog(victim.logFile)) };
  }
}

/** Starts it as a supervisor does: again when it leaves, some times. */
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

/**
 * A life is numbered by the second in which it begins. A directory that is put back in the same second in which its
 * last life began would be taken for what it is, an old copy, and not for what it is to stand for here.
 */
export async function nextSecond(): Promise<void> {
  await sleep(1000 - (Date.now() % 1000));
}

export function logLength(replica: TestReplica): number {
  return statSync(replica.logFile, { throwIfNoEntry: false })?.size ?? 0;
}

function howOf(message: string): string {
  return / ended \((?<how>[^)]*)\)/.exec(message)?.groups?.['how'] ?? message;
}

function lastLine(log: string): string {
  const lines = log.trim().split('\n');
  return (lines.at(-1) ?? '').slice(0, REASON_MAX);
}
