// Removes idempotency keys whose window has ended, as fast as new ones arrive (sweep.ts).

import type { Outbox, RangeResult, Turn } from '../model/effect.ts';
import type { IdempotencyTable } from '../store/idempotency.ts';
import { idempotencyEnded } from '../store/layout.ts';
import { Sweep } from './sweep.ts';

const PIECE_ENTRIES = 256;

export class IdempotencySweep {
  readonly #table: IdempotencyTable;
  readonly #sweep: Sweep;

  constructor(table: IdempotencyTable) {
    this.#table = table;
    this.#sweep = new Sweep(PIECE_ENTRIES, (result, turn) => this.#onPiece(result, turn));
  }

  onBeat(turn: Turn): void {
    if (this.#sweep.isIdle) this.#sweep.begin(idempotencyEnded(turn.now.wallMs));
    this.#sweep.goOn(turn);
  }

  /** After each commit, with its number of mutations. */
  onDurable(mutations: number, out: Outbox): void {
    this.#sweep.allow(mutations);
    this.#sweep.goOn(out);
  }

  #onPiece(result: RangeResult, out: Outbox): void {
    this.#sweep.pass(result);
    if (result.ok) this.#table.sweep(result.entries, out);
    else out.note('error', 'sweep-unreadable', { reason: result.reason });
    this.#sweep.goOn(out);
  }
}
