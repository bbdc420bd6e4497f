// A table by member. An entry is made when it is first asked for, so a part that keeps something
// for every member neither has to know their number nor whether it has heard of this one before.

import { assert } from '../base/assert.ts';

export class PerMember<T> {
  readonly #make: (member: number) => T;
  readonly #entries: (T | undefined)[] = [];

  /** `make` creates an entry on its first use. */
  constructor(make: (member: number) => T) {
    this.#make = make;
  }

  /** The member's entry, which is made now if there was none. */
  of(member: number): T {
    const known = this.#entries[member];
    return known === undefined ? this.#begin(member) : known;
  }

  set(member: number, entry: T): void {
    assert(Number.isInteger(member) && member >= 0, 'per member: not the index of a member');
    // An array without holes, because look-ups in one with holes are slower.
    while (this.#entries.length < member) this.#entries.push(undefined);
    this.#entries[member] = entry;
  }

  /** The entries that were made or set, in the order of the members. */
  *values(): IterableIterator<T> {
    for (const entry of this.#entries) if (entry !== undefined) yield entry;
  }

  #begin(member: number): T {
    const entry = this.#make(member);
    this.set(member, entry);
    return entry;
  }
}
