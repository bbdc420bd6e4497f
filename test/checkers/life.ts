// The incarnations of replicas, as far as the history shows them: a replica that was killed,
// stopped or restarted may have forgotten writes of others that it had shown, and receives them
// again.

import type { Fault, History } from './operation.ts';

const ENDS: ReadonlySet<string> = new Set(['kill', 'stop', 'restart']);

export class Lives {
  readonly #ends: readonly Fault[];

  constructor(history: History) {
    this.#ends = history.filter(
      (operation): operation is Fault => operation.type === 'fault' && ENDS.has(operation.value),
    );
  }

  /** True if no incarnation of the replica is known to have ended in between. */
  isOne(node: string, fromNs: number, toNs: number): boolean {
    return this.#ends.every(
      (end) => end.node !== node || end.return_ns < fromNs || end.call_ns > toNs,
    );
  }
}
