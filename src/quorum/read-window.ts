// How many keys are read at a time for all lists of a replica that differ from their peers. Each
// read may bring the record from every replica that is asked, and a list learns its size only then.
//
// So a read is expected to bring as much as the largest of the last ones; a smaller record halves
// the expectation, a larger one replaces it. At the bound of reads, or of bytes expected from all
// of them, further keys wait for reads to end; a single one is always read, however large. When
// records suddenly become larger, the reads already under way can bring more than expected, which
// is bounded by their number.

import { assert } from '../base/assert.ts';

const READS_MAX = 64;
/** What all reads under way are expected to bring. */
const BYTES_MAX = 32 * 1024 * 1024;
/** Before the first read has ended: the largest value that clients may write by default. */
const FIRST_BYTES = 1024 * 1024;

/** A read under way, with what it is expected to bring. */
export interface Expected {
  readonly bytes: number;
}

export class ReadWindow {
  #reads = 0;
  #bytes = 0;
  /** The size of one copy of a record. */
  #recordBytes = FIRST_BYTES;

  /** There is room for a read of this many copies; `ownBytes` is the size of the local record. */
  hasRoom(copies: number, ownBytes: number): boolean {
    if (this.#reads === 0) return true;
    return this.#reads < READS_MAX && this.#bytes + this.#expect(copies, ownBytes) <= BYTES_MAX;
  }

  begin(copies: number, ownBytes: number): Expected {
    assert(this.hasRoom(copies, ownBytes), 'read window: a read beyond the bound');
    const bytes = this.#expect(copies, ownBytes);
    this.#reads++;
    this.#bytes += bytes;
    return { bytes };
  }

  /** It has ended, and brought a record of this size. */
  end({ bytes }: Expected, recordBytes: number): void {
    this.#reads--;
    this.#bytes -= bytes;
    assert(this.#reads >= 0 && this.#bytes >= 0, 'read window: more reads ended than began');
    this.#recordBytes = Math.max(recordBytes, this.#recordBytes / 2);
  }

  #expect(copies: number, ownBytes: number): number {
    return copies * Math.max(this.#recordBytes, ownBytes);
  }
}
