// When the hash trees of this replica and each peer are compared next, and the result of the last
// comparison. A peer is due after an interval, and at once when it connects. After a round that
// repaired something it is due again at once, so that the repair is verified. Only equal trees
// count as success: never a round that failed or could not compare.

import { assert } from '../base/assert.ts';
import type { Now } from '../model/effect.ts';
import { PerMember } from '../model/per-member.ts';
import type { Comparison } from '../model/status.ts';
import type { RoundEnd } from './tree-walk.ts';

/** A round without a result is retried sooner than one with a result. */
const UNKNOWN_AGAIN_MS = 5000;
/** The interval between rounds with a peer that differs. */
const HASTE_MS = 2000;

interface Compared {
  dueMs: number;
  endedMs: number;
  keys: number | undefined;
  result: Comparison['result'];
  equalAtMs: number | undefined;
}

export class Comparisons {
  readonly #everyMs: number;
  readonly #peers = new PerMember<Compared>(() => ({
    dueMs: 0,
    endedMs: Number.NEGATIVE_INFINITY,
    keys: undefined,
    result: 'unknown',
    equalAtMs: undefined,
  }));

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /**
   * The most keys that the last round with any peer confirmed; `undefined` before the first result.
   */
  get divergentKeys(): number | undefined {
    let most: number | undefined;
    for (const { keys } of this.#peers.values())
      if (keys !== undefined) most = Math.max(most ?? 0, keys);
    return most;
  }

  with(peer: number): Comparison {
    const { result, equalAtMs } = this.#peers.of(peer);
    return { result, equalAtMs };
  }

  isDue(peer: number, nowMs: number): boolean {
    return nowMs >= this.#peers.of(peer).dueMs;
  }

  onConnected(peer: number): void {
    this.#peers.of(peer).dueMs = 0;
  }

  /** The peer has asked with its root; the local root is equal at the cut, or different. */
  onAsked(peer: number, isSame: boolean): void {
    const compared = this.#peers.of(peer);
    if (isSame === (compared.result === 'equal')) return;
    compared.dueMs = Math.min(compared.dueMs, compared.endedMs + HASTE_MS);
  }

  onEnd({ peer, result, keys, mended }: RoundEnd, now: Now): void {
    assert(result !== 'equal' || keys === 0, 'comparisons: equal trees differ in no key');
    assert(result !== 'equal' || mended === 0, 'comparisons: equal trees mend nothing');
    const compared = this.#peers.of(peer);
    assert(now.monoMs >= compared.endedMs, 'comparisons: rounds end one after the other');
    const againMs =
      result === 'unknown' ? Math.min(UNKNOWN_AGAIN_MS, this.#everyMs) : this.#everyMs;
    compared.endedMs = now.monoMs;
    compared.dueMs = mended > 0 ? 0 : now.monoMs + againMs;
    compared.result = result;
    if (result !== 'unknown') compared.keys = keys;
    if (result === 'equal') compared.equalAtMs = now.wallMs;
  }
}
