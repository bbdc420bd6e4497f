// The platter of a simulated replica: what remains of its storage when the process dies or the
// power goes. One incarnation after the other opens it (memory-storage.ts).
//
// Keys are byte strings, which sort like bytes. A change is either synced or has an undo until the
// next sync, and a power cut undoes unsynced changes.

import { byteString, bytesOf } from '../../src/base/bytes.ts';
import { headEntry } from '../../src/model/encoding.ts';
import type { RangeEntry, RangeRequest, RangeResult } from '../../src/model/effect.ts';
import { type Batch, type PointRead, UNREADABLE } from '../../src/model/port.ts';

interface Change {
  readonly key: string;
  readonly before: Uint8Array | undefined;
}

export class MemoryDisk {
  readonly #values = new Map<string, Uint8Array>();
  /** The keys of #values, sorted. */
  readonly #keys: string[] = [];
  readonly #damaged = new Set<string>();
  #unsynced: Change[] = [];

  get size(): number {
    return this.#keys.length;
  }

  get(key: Uint8Array): PointRead {
    const name = nameOf(key);
    return this.#damaged.has(name) ? UNREADABLE : this.#values.get(name)?.slice();
  }

  /** All of the batch, at once. A sync covers everything written before it, too. */
  write({ keys, values }: Batch, sync: boolean): void {
    keys.forEach((key, index) => this.#set(nameOf(key), values[index]?.slice(), sync));
    if (sync) this.#unsynced = [];
  }

  clear(from: Uint8Array, to: Uint8Array): void {
    const first = this.#indexOf(nameOf(from));
    const end = this.#indexOf(nameOf(to));
    for (const name of this.#keys.slice(first, end)) this.#set(name, undefined, false);
  }

  range({ from, to, reverse, limit, bytesMax, headsOnly }: RangeRequest): RangeResult {
    const first = this.#indexOf(nameOf(from));
    const isDamaged = this.#damaged.size > 0;
    const count = this.#indexOf(nameOf(to)) - first;
    const entries: RangeEntry[] = [];
    let bytes = 0;
    for (let at = 0; at < count; at++) {
      const name = this.#keys[reverse ? first + count - 1 - at : first + at] as string;
      if (isDamaged && this.#damaged.has(name)) return { ok: false, reason: 'simulated damage' };
      const value = this.#values.get(name) ?? new Uint8Array(0);
      bytes += name.length + value.length;
      const isCut = entries.length === limit || (bytes > bytesMax && entries.length > 0);
      if (isCut) return { ok: true, entries, more: true };
      const key = bytesOf(name);
      entries.push(headsOnly ? headEntry(key, value) : { key, value: value.slice() });
    }
    return { ok: true, entries, more: false };
  }

  /** The same content, synced, on a disk of its own. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk();
    for (const [name, value] of this.#values) copy.#values.set(name, value.slice());
    for (const name of this.#keys) copy.#keys.push(name);
    for (const name of this.#damaged) copy.#damaged.add(name);
    return copy;
  }

  /** Undoes what was never synced. */
  cutPower(): void {
    const changes = this.#unsynced.toReversed();
    for (const { key, before } of changes) this.#set(key, before, true);
    this.#unsynced = [];
  }

  /** From now on this key cannot be read, until it is written again. */
  damage(key: Uint8Array): void {
    this.#damaged.add(nameOf(key));
  }

  /** Changes one stored bit of a value, which no read reports. */
  flip(key: Uint8Array, bit: number): void {
    const value = this.#values.get(nameOf(key));
    if (value === undefined) return;
    const at = (bit >> 3) % value.length;
    value[at] = (value[at] as number) ^ (1 << (bit & 7));
  }

  #set(name: string, value: Uint8Array | undefined, isSynced: boolean): void {
    const before = this.#values.get(name);
    if (!isSynced) this.#unsynced.push({ key: name, before });
    if (this.#damaged.size > 0) this.#damaged.delete(name);
    if (value === undefined) this.#values.delete(name);
    else this.#values.set(name, value);
    if (before === undefined && value !== undefined)
      this.#keys.splice(this.#indexOf(name), 0, name);
    if (before !== undefined && value === undefined) this.#keys.splice(this.#indexOf(name), 1);
  }

  /** Where the key is, or would be. */
  #indexOf(name: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#keys[middle] as string) < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function nameOf(key: Uint8Array): string {
  return byteString(key, 0, key.length);
}
