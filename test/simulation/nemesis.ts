// What goes wrong in a simulated run, by the dice of its seed: processes die and come back, power fails, ways are cut in
// one direction or both, disks turn slow, fail, or change what they hold.

import type { Prng } from '../../src/base/prng.ts';
import { allRecords } from '../../src/store/layout.ts';
import type { Cluster } from './cluster.ts';
import type { Outcome } from './memory-storage.ts';

export type FaultClass =
  | 'kill'
  | 'power'
  | 'cut'
  | 'break'
  | 'slow-disk'
  | 'failed-disk'
  | 'damage';

export interface NemesisOptions {
  readonly cluster: Cluster;
  readonly dice: Prng;
  readonly classes: readonly FaultClass[];
  readonly everyMs: number;
  readonly untilMs: number;
  readonly onFault: (kind: 'kill' | 'restart', replica: number) => void;
}

/** Begins to make trouble; it ends by itself at `untilMs`, except for what lasts. */
export function unleash(options: NemesisOptions): void {
  const { cluster, dice, everyMs, untilMs } = options;
  const strike = (): void => {
    if (cluster.nowMs >= untilMs) return;
    const kind = options.classes[dice.below(options.classes.length)];
    if (kind !== undefined) strikeOnce(options, kind);
    cluster.world.after(everyMs * (0.5 + dice.next()), strike);
  };
  cluster.world.after(everyMs * dice.next(), strike);
}

function strikeOnce(options: NemesisOptions, kind: FaultClass): void {
  const { cluster, dice } = options;
  const n = dice.below(cluster.replicas.length);
  switch (kind) {
    case 'kill':
    case 'power':
      return kill(options, kind, n);
    case 'cut':
      return cut(cluster, dice, n);
    case 'break':
      return breakConnection(cluster, dice, n);
    case 'slow-disk':
      return slow(cluster, dice, n);
    case 'failed-disk':
      return cluster.replica(n).storage?.failNextCommit('simulated failure', coin(dice));
    case 'damage':
      return damage(cluster, dice);
  }
}

/** One process, or now and then all at once. */
function kill(options: NemesisOptions, kind: 'kill' | 'power', n: number): void {
  const { cluster, dice, onFault } = options;
  const victims = dice.chance(0.2) ? cluster.replicas.map(({ index }) => index) : [n];
  for (const victim of victims) {
    if (!cluster.replica(victim).isRunning) continue;
    onFault('kill', victim);
    if (kind === 'kill') cluster.crash(victim, coin(dice));
    else cluster.powerCut(victim, coin(dice));
    cluster.world.after(50 + dice.below(2000), () => {
      if (cluster.replica(victim).isRunning) return;
      cluster.restart(victim);
      onFault('restart', victim);
    });
  }
}

function cut(cluster: Cluster, dice: Prng, n: number): void {
  const other = otherThan(cluster, dice, n);
  const isOneWay = dice.chance(0.3);
  cluster.network.cut(n, other);
  if (!isOneWay) cluster.network.cut(other, n);
  cluster.world.after(dice.below(5000), () => cluster.heal(n, other));
}

/** A connection ends, or a frame arrives with a bit changed, which ends it too. */
function breakConnection(cluster: Cluster, dice: Prng, n: number): void {
  const other = otherThan(cluster, dice, n);
  if (dice.chance(0.5)) cluster.network.sever(n, other);
  else cluster.network.disturb(n, other);
}

function slow(cluster: Cluster, dice: Prng, n: number): void {
  const { storage } = cluster.replica(n);
  if (storage === undefined) return;
  const { commitMs } = storage;
  storage.commitMs = 50 + dice.below(200);
  cluster.world.after(dice.below(3000), () => {
    storage.commitMs = commitMs;
  });
}

/** Always the same replica: what is damaged on one disk, another has whole. */
function damage(cluster: Cluster, dice: Prng): void {
  const { disk } = cluster.replica(0);
  const everything = { ...allRecords(), reverse: false, limit: 10_000, bytesMax: 1e9 };
  const result = disk.range(everything);
  if (!result.ok || result.entries.length === 0) return;
  const entry = result.entries[dice.below(result.entries.length)];
  if (entry !== undefined) disk.flip(entry.key, dice.below(entry.value.length * 8));
}

function otherThan(cluster: Cluster, dice: Prng, n: number): number {
  const count = cluster.replicas.length;
  return (n + 1 + dice.below(count - 1)) % count;
}

function coin(dice: Prng): Outcome {
  return dice.chance(0.5) ? 'kept' : 'lost';
}
