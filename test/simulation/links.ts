// When two replicas could not ask each other anything: from the time when either of them saw the
// connection end, or was not running yet, until both have heard the other again. Clients cannot see
// this, and only then may two replicas both accept a write with one idempotency key.

import type { Cluster } from '../cluster/cluster.ts';

/** A period without the link, in virtual milliseconds; the last one may have no end. */
interface Gap {
  readonly fromMs: number;
  untilMs: number;
}

export class Links {
  readonly #cluster: Cluster;
  /** By replica and peer. */
  readonly #gaps: Gap[][][];

  constructor(cluster: Cluster) {
    const { replicas } = cluster;
    this.#cluster = cluster;
    this.#gaps = replicas.map(() => replicas.map(() => [openGap(0)]));
  }

  /** The first message over a connection is the greeting. */
  onHeard(n: number, peer: number): void {
    const last = this.#gapsOf(n, peer).at(-1);
    if (last !== undefined) last.untilMs = Math.min(last.untilMs, this.#cluster.nowMs);
  }

  onChange(n: number, peer: number): void {
    const gaps = this.#gapsOf(n, peer);
    if (gaps.at(-1)?.untilMs !== Number.POSITIVE_INFINITY) gaps.push(openGap(this.#cluster.nowMs));
  }

  /**
   * Whether at some moment in between, if there is one, one of two replicas, named by their ids,
   * did not hear the other.
   */
  wereApart(left: string, right: string, fromMs: number, untilMs: number): boolean {
    const [a, b] = [left, right].map((id) =>
      this.#cluster.places.findIndex((place) => place.id === id),
    ) as [number, number];
    return [...this.#gapsOf(a, b), ...this.#gapsOf(b, a)].some(
      (gap) => gap.fromMs <= untilMs && gap.untilMs >= fromMs,
    );
  }

  #gapsOf(n: number, peer: number): Gap[] {
    return this.#gaps[n]?.[peer] ?? [];
  }
}

function openGap(fromMs: number): Gap {
  return { fromMs, untilMs: Number.POSITIVE_INFINITY };
}
