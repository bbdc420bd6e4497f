// The beginning of an incarnation, in which peers report what they know of this replica, before it
// answers or mints anything: its directory may be an old copy. It ends when all have greeted; when
// a majority has, this replica included, and the others had `bootGraceMs`; or after `helloWaitMs`
// alone, because a lone survivor serves what it has.

import { assert } from '../base/assert.ts';
import type { Turn } from '../model/effect.ts';
import type { Settings } from '../model/settings.ts';
import type { Peers } from './peers.ts';

const NEVER = Number.POSITIVE_INFINITY;

export class Grace {
  readonly #peers: Peers;
  readonly #settings: Settings;
  /** The time limit for the rest after a majority, and the one for a majority. */
  #restMs = NEVER;
  #endMs = NEVER;
  #isRunning = false;
  /** This replica's vector was compared with those that arrived. */
  hasEnded = false;

  constructor({ peers, settings }: { readonly peers: Peers; readonly settings: Settings }) {
    this.#peers = peers;
    this.#settings = settings;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  begin(turn: Turn): void {
    assert(!this.#isRunning && !this.hasEnded, 'grace: begins once');
    const { bootGraceMs, helloWaitMs } = this.#settings;
    const { monoMs } = turn.now;
    this.#endMs = monoMs + helloWaitMs;
    this.#restMs = Math.min(monoMs + bootGraceMs, this.#endMs);
    this.#isRunning = true;
    turn.arm('grace', this.#restMs);
  }

  // running -> ended
  end(turn: Turn): void {
    assert(!this.hasEnded, 'grace: ends once');
    this.hasEnded = true;
    this.#stop(turn);
  }

  isOver(turn: Turn): boolean {
    const { monoMs } = turn.now;
    assert(this.#restMs <= this.#endMs, 'grace: the rest is waited for within the whole');
    const peers = this.#peers.all();
    const heard = peers.filter(({ known }) => known).length;
    const isOver =
      heard === peers.length ||
      monoMs >= this.#endMs ||
      (monoMs >= this.#restMs && this.#peers.isMajority(heard));
    if (isOver) this.#stop(turn);
    else if (monoMs >= this.#restMs) {
      turn.disarm('grace');
      turn.arm('grace', this.#endMs);
    }
    return isOver;
  }

  #stop(turn: Turn): void {
    this.#isRunning = false;
    turn.disarm('grace');
  }
}
