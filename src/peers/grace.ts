// The beginning of a life in which peers say what they know of this replica, before it answers or mints anything: its directory
// may be an old copy. It ends when all have greeted it; when a majority has, this replica included, and the others had
// `bootGraceMs`; or after `helloWaitMs` alone, for a lone survivor serves what it has.

import type { Turn } from '../model/effect.ts';
import type { Settings } from '../model/settings.ts';
import type { Peers } from './peers.ts';

const NEVER = Number.POSITIVE_INFINITY;

export class Grace {
  readonly #peers: Peers;
  readonly #settings: Settings;
  /** Until when the rest of a majority is waited for, and until when a majority. */
  #restMs = NEVER;
  #endMs = NEVER;
  #isRunning = false;
  /** What this replica holds was compared, as far as that was to be had. */
  hasEnded = false;

  constructor({ peers, settings }: { readonly peers: Peers; readonly settings: Settings }) {
    this.#peers = peers;
    this.#settings = settings;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  begin(turn: Turn): void {
    const { bootGraceMs, helloWaitMs } = this.#settings;
    const { monoMs } = turn.now;
    this.#endMs = monoMs + helloWaitMs;
    this.#restMs = Math.min(monoMs + bootGraceMs, this.#endMs);
    this.#isRunning = true;
    turn.arm('grace', this.#restMs);
  }

  // running -> ended
  end(turn: Turn): void {
    this.hasEnded = true;
    this.#stop(turn);
  }

  isOver(turn: Turn): boolean {
    const { monoMs } = turn.now;
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
