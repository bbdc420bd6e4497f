// Kills replicas under load in rounds: one, two or all of them at once, while they work or while
// they are still starting. Every kill is recorded with its evidence.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Prng } from '../../src/base/prng.ts';
import type { FaultName } from '../checkers/operation.ts';
import type { Recorder } from '../checkers/recorder.ts';
import type { TestReplica } from './processes.ts';
import type { Workload } from './load/workload.ts';
import { until } from './wait.ts';

export interface KillTally {
  /** Rounds that killed one, two, three replicas. */
  readonly rounds: number[];
  kills: number;
  /** Kills of processes that had not become ready yet. */
  youngKills: number;
  /** Rounds in which nothing was acknowledged before the kill. */
  idleRounds: number;
}

export interface NemesisOptions {
  readonly replicas: readonly TestReplica[];
  readonly recorder: Recorder;
  readonly prng: Prng;
  readonly workload: Workload;
  readonly kills: number;
}

const LIFE_MS_MIN = 50;
const LIFE_MS_MAX = 400;
/**
 * The share of rounds in which all replicas are ready before the kill; in the others it is enough
 * that the load goes on.
 */
const READY_SHARE = 0.5;

export async function killAgainAndAgain(options: NemesisOptions): Promise<KillTally> {
  const { replicas, prng, workload, kills } = options;
  const tally: KillTally = { rounds: [0, 0, 0], kills: 0, youngKills: 0, idleRounds: 0 };
  let acked = workload.acked;
  while (tally.kills < kills) {
    if (prng.chance(READY_SHARE)) await becomeReady(replicas);
    await becomeBusy(workload);
    await sleep(LIFE_MS_MIN + prng.below(LIFE_MS_MAX - LIFE_MS_MIN));
    if (workload.acked === acked) tally.idleRounds++;
    acked = workload.acked;
    await killSome(options, Math.min(victimsOf(prng), kills - tally.kills), tally);
  }
  return tally;
}

/** Ends the faults: every replica runs and is ready. */
export async function heal({ replicas, recorder }: NemesisOptions): Promise<void> {
  await Promise.all(replicas.map((replica) => replica.restart()));
  record(recorder, 'heal', '', 'all replicas are ready');
}

function victimsOf(prng: Prng): number {
  const die = prng.next();
  if (die < 0.6) return 1;
  return die < 0.85 ? 2 : 3;
}

async function becomeReady(replicas: readonly TestReplica[]): Promise<void> {
  await Promise.all(replicas.map((replica) => replica.becomeReady()));
}

/** The load reaches the cluster again. */
async function becomeBusy(workload: Workload): Promise<void> {
  const { acked } = workload;
  await until('a write is acknowledged', () => workload.acked > acked);
}

/** Kills this many of them at once and starts them again; does not wait until they are ready. */
export async function killSome(
  { replicas, recorder, prng }: Pick<NemesisOptions, 'replicas' | 'recorder' | 'prng'>,
  count: number,
  tally: KillTally,
): Promise<void> {
  const victims = shuffled(replicas, prng).slice(0, count);
  tally.rounds[count - 1] = (tally.rounds[count - 1] ?? 0) + 1;
  await Promise.all(
    victims.map(async (victim) => {
      if (!victim.isReady) tally.youngKills++;
      const signal = await victim.kill9();
      record(recorder, 'kill', victim.id, `signal ${signal}`, signal === 'SIGKILL');
    }),
  );
  tally.kills += count;
  for (const victim of victims) {
    await victim.restart({ ready: false });
    record(recorder, 'restart', victim.id, `pid ${victim.pid}`);
  }
}

export function shuffled<T>(items: readonly T[], prng: Prng): T[] {
  const deck = [...items];
  for (let at = deck.length - 1; at > 0; at--) {
    const other = prng.below(at + 1);
    [deck[at], deck[other]] = [deck[other] as T, deck[at] as T];
  }
  return deck;
}

export function record(
  recorder: Recorder,
  value: FaultName,
  node: string,
  result: string,
  ok = true,
): void {
  const now = recorder.now();
  recorder.add({
    process: 0,
    session: 'nemesis',
    node,
    ns: '',
    level: 'eventual',
    key: '',
    type: 'fault',
    value,
    call_ns: now,
    return_ns: now,
    ok,
    result,
    ver: null,
  });
}
