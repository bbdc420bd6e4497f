// A walk over stored keys that are to be removed, in pieces, at the pace of incoming writes. A
// fixed number per heartbeat would fall behind fast writers, and the disk would grow without bound;
// one walk in a single turn would delay the clients. So each commit and each heartbeat permits a
// piece, and each mutation written meanwhile two more entries: a walk removes entries twice as fast
// as they can arrive, and a piece is a turn of its own.
//
//   idle -> reading -> waiting -> reading … -> idle
//
// Invariants:
// (1) one piece is read at a time;
// (2) a walk continues after the last entry that it saw, so it reads nothing twice, durable or not;
// (3) unused permission is bounded.

import { assert } from '../base/assert.ts';
import type { Outbox, RangeResult, Turn } from '../model/effect.ts';
import { behind, type Span } from '../store/layout.ts';
import { SingleRead } from '../store/single-read.ts';

const BYTES_MAX = 256 * 1024;
/** How many pieces may follow each other without a commit between them. */
const PIECES_AHEAD_MAX = 32;
const SHARE_OF_WRITES = 2;

export class Sweep {
  readonly #pieceEntries: number;
  readonly #reading: SingleRead<undefined>;
  /** The unread rest of this walk; empty between two walks. */
  #rest: Span | undefined;
  #allowed = 0;

  /**
   * `pieceEntries`: the bound of one turn. `take` gets each piece, and returns where the walk
   * continues.
   */
  constructor(pieceEntries: number, take: (result: RangeResult, turn: Turn) => void) {
    this.#pieceEntries = pieceEntries;
    // reading -> waiting
    this.#reading = new SingleRead((result, _, turn) => take(result, turn));
  }

  get isIdle(): boolean {
    return this.#rest === undefined && !this.#reading.isUnderWay;
  }

  // idle -> waiting
  begin(span: Span): void {
    assert(this.isIdle, 'sweep (1): one walk at a time');
    this.#rest = span;
    this.#allowed = this.#pieceEntries;
  }

  /** A heartbeat or a commit has passed, with this number of mutations. */
  allow(mutations: number): void {
    assert(mutations >= 0, 'sweep (3): what came in is counted');
    const more = Math.max(SHARE_OF_WRITES * mutations, this.#pieceEntries);
    const most = PIECES_AHEAD_MAX * this.#pieceEntries;
    this.#allowed = Math.min(this.#allowed + more, most);
  }

  // waiting -> reading, unless nothing remains or is permitted
  goOn(out: Outbox): void {
    if (this.#reading.isUnderWay || this.#rest === undefined || this.#allowed <= 0) return;
    const limit = Math.min(this.#allowed, this.#pieceEntries);
    this.#allowed -= limit;
    assert(this.#allowed >= 0, 'sweep (3): a piece is as large as is allowed');
    this.#reading.begin(this.#rest, { limit, bytesMax: BYTES_MAX }, undefined, out);
  }

  // waiting -> waiting, idle
  /** The walk continues after this piece, or ends with it. */
  pass(result: RangeResult): void {
    assert(!this.#reading.isUnderWay, 'sweep (1): one piece is read at a time');
    const last = result.ok && result.more ? result.entries.at(-1) : undefined;
    const to = this.#rest?.to;
    this.leap(last === undefined || to === undefined ? undefined : { from: behind(last.key), to });
  }

  /** The walk continues with this span, or ends. */
  leap(span: Span | undefined): void {
    this.#rest = span;
  }
}
