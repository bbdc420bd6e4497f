// The source of faults in a cell: strike by strike, each recorded in the history with the evidence
// that it took effect. If no strike took effect, the cell is vacuous.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Prng } from '../../../src/base/prng.ts';
import type { FaultName } from '../../checkers/operation.ts';
import type { Recorder } from '../../checkers/recorder.ts';
import type { TestReplica } from '../../support/processes.ts';
import { record, shuffled } from '../../support/nemesis.ts';
import type { Links } from '../links.ts';

export const faultKinds = ['cuts', 'slow', 'pause', 'kill', 'clock'] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Scene {
  readonly replicas: readonly TestReplica[];
  readonly links: Links;
  readonly recorder: Recorder;
  readonly prng: Prng;
  /** When the faults end, by `performance.now()`. */
  readonly untilMs: number;
  /** A folder of this cell. */
  readonly folder: string;
}

export interface Nemesis {
  /** One fault from its begin to its end; returns early when the time of faults is over. */
  strike(): Promise<void>;
  /** Removes every fault. */
  heal(): Promise<void>;
  /** How many of each must take effect at least. */
  readonly demand: { readonly [strike in FaultName]?: number };
}

/** Records what was done to which replica; a strike without effect does not count. */
export function note(
  { recorder }: Scene,
  strike: FaultName,
  target: string,
  evidence: string,
  tookEffect = true,
): void {
  record(recorder, strike, target, evidence, tookEffect);
}

/** Waits this long, at most until the faults end; returns the time waited. */
export async function last({ untilMs }: Scene, ms: number): Promise<number> {
  const lastsMs = Math.round(Math.max(0, Math.min(ms, untilMs - performance.now())));
  await sleep(lastsMs);
  return lastsMs;
}

export function between(prng: Prng, fromMs: number, toMs: number): number {
  return fromMs + prng.below(toMs - fromMs);
}

/**
 * Draws the kinds of faults in random order, all of them before any repeats, so each occurs even in
 * a short run.
 */
export function dealer<T>(cards: readonly T[], prng: Prng): () => T {
  let deck: T[] = [];
  return () => {
    if (deck.length === 0) deck = shuffled(cards, prng);
    return deck.pop() as T;
  };
}
