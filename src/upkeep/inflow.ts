// How many mutations of all origins have arrived: the pace of upkeep's sweeps (sweep.ts).

import { assert } from '../base/assert.ts';
import type { Metrics } from '../model/metrics.ts';

export class Inflow {
  readonly #metrics: Metrics;
  #taken = 0;

  constructor({ metrics }: { readonly metrics: Metrics }) {
    this.#metrics = metrics;
  }

  /** The number since the last call. */
  take(): number {
    const { writes, entriesReceived } = this.#metrics;
    const mutations = writes + entriesReceived - this.#taken;
    assert(mutations >= 0, 'inflow: counters only grow');
    this.#taken += mutations;
    return mutations;
  }
}
