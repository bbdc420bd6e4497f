// A reader of stored ranges that reads one at a time. The purpose of a read is kept with it and
// returned with the result. The result of a read that was cancelled, or that another one has
// replaced, is dropped.

import type { Outbox, RangeResult, ReadLimits, ReadOwner, Turn } from '../model/effect.ts';
import type { Span } from './layout.ts';

interface UnderWay<About> extends ReadOwner {
  readonly about: About;
}

export class SingleRead<About> {
  readonly #onRead: (result: RangeResult, about: About, turn: Turn) => void;
  #underWay: UnderWay<About> | undefined;

  constructor(onRead: (result: RangeResult, about: About, turn: Turn) => void) {
    this.#onRead = onRead;
  }

  get isUnderWay(): boolean {
    return this.#underWay !== undefined;
  }

  /** The purpose of the read in progress. */
  get about(): About | undefined {
    return this.#underWay?.about;
  }

  // * -> reading
  begin(span: Span, limits: ReadLimits, about: About, source: Pick<Outbox, 'read'>): void {
    const read: UnderWay<About> = {
      about,
      onRead: (result, turn) => {
        if (this.#underWay !== read) return;
        this.#underWay = undefined;
        this.#onRead(result, about, turn);
      },
    };
    this.#underWay = read;
    source.read(span, limits, read);
  }

  // * -> idle
  cancel(): void {
    this.#underWay = undefined;
  }
}
