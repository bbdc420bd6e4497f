// The synchronous half of a store, as a map: what a batch wrote can be read as soon as the batch is
// taken.

import { compareBytes } from '../../src/base/bytes.ts';
import type { RangeEntry, RangeRequest, RangeResult } from '../../src/model/effect.ts';
import type { HostTurn } from '../../src/host/turn.ts';
import { type Batch, type PointRead, UNREADABLE } from '../../src/model/port.ts';
import type { Log } from '../../src/store/log.ts';
import { markAll } from './store-all.ts';

const nameOf = (key: Uint8Array): string => String.fromCharCode(...key);

export class KeyMap {
  readonly #entries = new Map<string, RangeEntry>();
  readonly #unreadable = new Set<string>();

  get size(): number {
    return this.#entries.size;
  }

  readonly get = (key: Uint8Array): PointRead => {
    const name = nameOf(key);
    return this.#unreadable.has(name) ? UNREADABLE : this.#entries.get(name)?.value;
  };

  apply({ keys, values }: Batch): void {
    keys.forEach((key, i) => {
      const value = values[i];
      if (value === undefined) this.#entries.delete(nameOf(key));
      else this.#entries.set(nameOf(key), { key, value });
      this.#unreadable.delete(nameOf(key));
    });
  }

  /** Flips one bit of a stored value. */
  damage(key: Uint8Array, at = 0): void {
    const entry = this.#entries.get(nameOf(key));
    if (entry === undefined) throw new Error('there is nothing to damage');
    const value = entry.value.slice();
    value[at] = (value[at] as number) ^ 1;
    this.#entries.set(nameOf(key), { key, value });
  }

  /** Like a bad block: its contents cannot be read. */
  hide(key: Uint8Array): void {
    this.#unreadable.add(nameOf(key));
  }

  range({ from, to, reverse, limit, bytesMax }: RangeRequest): RangeResult & { ok: true } {
    const within = [...this.#entries.values()]
      .filter(({ key }) => compareBytes(from, key) <= 0 && compareBytes(key, to) < 0)
      .sort((a, b) => compareBytes(a.key, b.key));
    if (reverse) within.reverse();
    const entries: RangeEntry[] = [];
    let bytes = 0;
    for (const entry of within) {
      bytes += entry.key.length + entry.value.length;
      if (entries.length === limit || (bytes > bytesMax && entries.length > 0)) break;
      entries.push(entry);
    }
    return { ok: true, entries, more: entries.length < within.length };
  }

  clear(from: Uint8Array, to: Uint8Array): void {
    for (const [name, { key }] of this.#entries) {
      if (compareBytes(from, key) <= 0 && compareBytes(key, to) < 0) this.#entries.delete(name);
    }
  }
}

/** Makes everything that was appended durable, in one batch. */
export function commitLog(log: Log, storage: KeyMap, out: HostTurn): void {
  markAll(log, out);
  log.seal(out);
  const { lsn } = out;
  storage.apply(out.takeBatch());
  log.onDurable(lsn, out);
}
