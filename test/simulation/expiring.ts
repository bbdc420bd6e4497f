// Clients of a simulated run whose values expire: each key is put once with a lifetime, some are
// put again without one, and all are read at any replica. What the clients saw is judged here: no
// value is shown long after its deadline; at the end everything that expired is gone, every value
// without a lifetime is present, and no replica has a tombstone any more.

import type { Prng } from '../../src/base/prng.ts';
import { isDefinite } from '../../src/model/fault.ts';
import { type Call, type Cluster, getOf, putOf, shown } from '../cluster/cluster.ts';
import { CLIENT_WAITS_MS } from './workload.ts';

export const EXPIRING = { ex: { consistency: 'eventual' } } as const;

const NS = 'ex';
const TIMEOUT_MS = 1500;
/** How far clocks differ unless the run sets them. */
const CLOCKS_APART_MS = 400;
const GONE_MS_MAX = 20_000;
/** A snapshot in very small parts over a long link takes this much longer. */
const LEASES_MAX = 24;

interface Lease {
  readonly key: string;
  readonly value: string;
  readonly ttlMs: number;
  /** Its deadline by the correct clock is before this time. */
  readonly expiresByMs: number;
  /** When it was acknowledged, and its stamp; undefined if it was not. */
  acked: { readonly atMs: number; readonly hlc: number } | undefined;
  /** A second put, without a lifetime; `done` with its stamp. */
  kept: { readonly value: string; outcome: 'open' | 'refused' | number } | undefined;
}

interface Late {
  readonly key: string;
  readonly node: number;
  readonly byMs: number;
}

export class Leases {
  readonly #cluster: Cluster;
  readonly #copiesMin: number;
  readonly #taker: (node: number) => number;
  readonly #leases: Lease[] = [];
  readonly #late: Late[] = [];

  /** `taker`: the replica that accepts a write in place of another one. */
  constructor(cluster: Cluster, copiesMin: number, taker: (node: number) => number) {
    this.#cluster = cluster;
    this.#copiesMin = copiesMin;
    this.#taker = taker;
  }

  begin(dice: Prng, thinkMs: number, untilMs: number): void {
    this.#cluster.world.after(thinkMs * 2 * dice.next(), () => {
      if (this.#cluster.nowMs >= untilMs) return;
      this.#next(dice);
      this.begin(dice, thinkMs, untilMs);
    });
  }

  /**
   * What is wrong once everything is quiet, in words. Clocks, and deadlines with them, may have
   * been ahead by `aheadMs`.
   */
  judge(isClockSet: boolean, aheadMs: number): string[] {
    const wrong: string[] = [];
    const mayLast = ({ expiresByMs }: Lease): boolean =>
      aheadMs > 0 && this.#cluster.nowMs < expiresByMs + aheadMs;
    for (const { index } of this.#cluster.seated()) {
      for (const lease of this.#leases) {
        const found = this.#cluster.value(index, lease.key, NS);
        if (!mayShow(lease, found) && !(found === lease.value && mayLast(lease)))
          wrong.push(`${index} shows ${found} of ${lease.key} at the end`);
      }
    }
    for (const { key, node, byMs } of isClockSet ? [] : this.#late)
      wrong.push(`${node} showed ${key} ${Math.round(byMs)} ms after its deadline`);
    return wrong;
  }

  /** Runs until no replica has a tombstone; returns the tombstones that remain, in words. */
  judgeForgotten(): string[] {
    const hosts = (): number[] =>
      this.#cluster.seated().map(({ host }) => host?.metrics.tombstones ?? -1);
    const untilMs = this.#cluster.nowMs + GONE_MS_MAX;
    while (this.#cluster.nowMs < untilMs && hosts().some((count) => count !== 0))
      this.#cluster.run(200);
    return hosts().flatMap((count, n) => (count === 0 ? [] : [`${n} keeps ${count} tombstones`]));
  }

  /** The keys that have to remain. */
  get #members(): number {
    return this.#cluster.members.length;
  }

  #next(dice: Prng): void {
    const node = dice.below(this.#members);
    const kind = dice.next();
    const known = this.#leases[dice.below(Math.max(1, this.#leases.length))];
    const hasRoom = this.#leases.length < LEASES_MAX;
    if (known === undefined || (kind < 0.15 && hasRoom)) this.#lease(node, dice);
    else if (kind < 0.4 && known.kept === undefined) this.#keep(known, node, dice);
    else this.#look(known, node, 1 + dice.below(this.#members));
  }

  #lease(node: number, dice: Prng): void {
    const key = `t${this.#leases.length}`;
    const ttlMs = 300 + dice.below(4000);
    const expiresByMs = this.#cluster.nowMs + CLIENT_WAITS_MS + ttlMs;
    const first = { key, value: `${key}:1`, ttlMs, expiresByMs };
    const lease: Lease = { ...first, acked: undefined, kept: undefined };
    this.#leases.push(lease);
    this.#put(node, key, lease.value, ttlMs, dice, ({ outcome, endedMs: atMs }) => {
      if (typeof outcome !== 'object' || outcome.kind !== 'written') return;
      lease.acked = { atMs, hlc: outcome.hlc };
    });
  }

  #keep(lease: Lease, node: number, dice: Prng): void {
    const kept: NonNullable<Lease['kept']> = { value: `${lease.key}:2`, outcome: 'open' };
    lease.kept = kept;
    this.#put(node, lease.key, kept.value, 0, dice, ({ outcome }) => {
      if (typeof outcome !== 'object') return;
      if (outcome.kind === 'written') kept.outcome = outcome.hlc;
      if (outcome.kind === 'failed' && isDefinite(outcome.fault.code)) kept.outcome = 'refused';
    });
  }

  #put(
    node: number,
    key: string,
    value: string,
    ttlMs: number,
    dice: Prng,
    onEnd: (call: Call) => void,
  ): void {
    const w = Math.max(1 + dice.below(this.#members), this.#copiesMin);
    this.#ask(
      this.#taker(node),
      putOf(key, value, { ns: NS, w, ttlMs, timeoutMs: TIMEOUT_MS }),
      onEnd,
    );
  }

  #look({ key, value, ttlMs, acked }: Lease, node: number, r: number): void {
    const beganMs = this.#cluster.nowMs;
    this.#ask(node, getOf(key, { ns: NS, r, timeoutMs: TIMEOUT_MS }), ({ outcome }) => {
      if (outcome === undefined || shown(outcome) !== value || acked === undefined) return;
      const byMs = beganMs - acked.atMs - ttlMs;
      if (byMs > CLOCKS_APART_MS) this.#late.push({ key, node, byMs });
    });
  }

  #ask(node: number, asked: Parameters<Cluster['begin']>[1], onEnd: (call: Call) => void): void {
    const call = this.#cluster.begin(node, asked, onEnd);
    this.#cluster.world.after(CLIENT_WAITS_MS, () => this.#cluster.giveUp(call));
  }
}

/** A value without a lifetime and with the later stamp has remained. */
function mayShow({ acked, kept }: Lease, found: string): boolean {
  if (found !== 'absent')
    return kept !== undefined && kept.outcome !== 'refused' && found === kept.value;
  return typeof kept?.outcome !== 'number' || acked === undefined || acked.hlc > kept.outcome;
}
