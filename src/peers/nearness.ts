// How near each peer is: smoothed round trip and mean deviation by the estimator of RFC 6298. Reads
// ask the nearest first, and ask a further one when an answer takes longer than the mean plus four
// mean deviations, the retransmission timeout of that RFC: delays have a long tail under load, and
// a shorter wait would send second requests just when all peers are busy.

import { assert } from '../base/assert.ts';

const GAIN = 1 / 8;
const DEVIATION_GAIN = 1 / 4;
const HEDGE_DEVIATIONS = 4;
const HEDGE_MS_MIN = 1;
/** Before anything is measured. */
const HEDGE_MS_UNKNOWN = 50;

interface Estimate {
  meanMs: number;
  deviationMs: number;
}

export class Nearness {
  readonly #estimates: (Estimate | undefined)[];
  #order: number[];

  constructor(self: number, replicas: number) {
    assert(self >= 0 && self < replicas, 'nearness: this replica is a member');
    this.#estimates = new Array<Estimate | undefined>(replicas).fill(undefined);
    this.#order = [...this.#estimates.keys()].filter((index) => index !== self);
  }

  /** Peers, nearest first; those not measured yet come last. */
  get order(): readonly number[] {
    return this.#order;
  }

  meanMs(peer: number): number | undefined {
    return this.#estimates[peer]?.meanMs;
  }

  hedgeAfterMs(peer: number): number {
    const estimate = this.#estimates[peer];
    if (estimate === undefined) return HEDGE_MS_UNKNOWN;
    return Math.max(estimate.meanMs + HEDGE_DEVIATIONS * estimate.deviationMs, HEDGE_MS_MIN);
  }

  observe(peer: number, elapsedMs: number): void {
    assert(elapsedMs >= 0, 'nearness: an answer comes after its question');
    assert(peer < this.#estimates.length, 'nearness: an answer of a member');
    const estimate = this.#estimates[peer];
    if (estimate === undefined) {
      this.#estimates[peer] = { meanMs: elapsedMs, deviationMs: elapsedMs / 2 };
    } else {
      const error = elapsedMs - estimate.meanMs;
      estimate.meanMs += GAIN * error;
      estimate.deviationMs += DEVIATION_GAIN * (Math.abs(error) - estimate.deviationMs);
    }
  }

  /**
   * An answer that was not awaited to its end took at least this long; otherwise only quick ones
   * count.
   */
  observeAtLeast(peer: number, elapsedMs: number): void {
    if (elapsedMs > (this.#estimates[peer]?.meanMs ?? 0)) this.observe(peer, elapsedMs);
  }

  /** Sorts again; called now and then, not per observation. */
  rank(): void {
    const far = (peer: number): number => this.#estimates[peer]?.meanMs ?? Number.POSITIVE_INFINITY;
    this.#order = [...this.#order].sort((a, b) => far(a) - far(b) || a - b);
  }
}
