// The tools of the base floor compared with simple models: a plain array, a bit-by-bit checksum, a
// list of what was written.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ByteReader,
  byteString,
  ByteWriter,
  bytesOf,
  compareBytes,
  copyToSlab,
  equalBytes,
} from '../../src/base/bytes.ts';
import { crc32c, crc32cOfU64 } from '../../src/base/crc32c.ts';
import { createHeap } from '../../src/base/heap.ts';
import { createHistogram } from '../../src/base/histogram.ts';
import { IdTable } from '../../src/base/id-table.ts';
import { createInterner } from '../../src/base/interner.ts';
import { createRing } from '../../src/base/ring.ts';

const someBytes = (maxLength: number) => fc.uint8Array({ maxLength });
const byteText = (maxLength: number) => someBytes(maxLength).map((b) => String.fromCharCode(...b));

describe('a ring', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.integer().map((value) => ({ kind: 'push', value }) as const) },
    { weight: 4, arbitrary: fc.constant({ kind: 'shift' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'clear' } as const) },
  );

  it('behaves as an array with push and shift', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(step, { maxLength: 80 }),
        (size, steps) => {
          const ring = createRing<number>(size);
          const twin: number[] = [];
          for (const taken of steps) {
            if (taken.kind === 'push') {
              ring.push(taken.value);
              twin.push(taken.value);
            } else if (taken.kind === 'shift') {
              expect(ring.shift()).toBe(twin.shift());
            } else {
              ring.clear();
              twin.length = 0;
            }
            expect(ring.size).toBe(twin.length);
            expect(twin.map((_, offset) => ring.at(offset))).toEqual(twin);
          }
          expect(() => ring.at(twin.length)).toThrow('out of range');
          expect(() => ring.at(-1)).toThrow('out of range');
        },
      ),
    );
  });
});

describe('an id table', () => {
  interface Waiting {
    readonly id: number;
  }

  // A step of 0 adds an item; any other step removes one of those after the `stay` oldest.
  it('is a map whose ids grow, however long an item stays', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 3 }), { maxLength: 600 }),
        fc.integer({ min: 0, max: 40 }),
        (steps, stay) => {
          const table = new IdTable<Waiting>();
          const twin = new Map<number, Waiting>();
          let last = 0;
          for (const step of steps) {
            const removed = [...twin.values()][stay + step];
            if (step === 0 || removed === undefined) {
              const item = { id: table.nextId() };
              expect(item.id).toBeGreaterThan(last);
              last = item.id;
              table.add(item);
              twin.set(item.id, item);
            } else {
              expect(table.remove(removed)).toBe(twin.delete(removed.id));
              expect(table.remove(removed)).toBe(false);
            }
            expect(table.size).toBe(twin.size);
          }
          for (let id = 1; id <= last + 200; id++) expect(table.get(id)).toBe(twin.get(id));
          const items = [...table].sort((left, right) => left.id - right.id);
          expect(items).toEqual([...twin.values()]);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('does not show what was removed while it is gone through', () => {
    const table = new IdTable<Waiting>();
    const items = Array.from({ length: 3 }, () => {
      const item = { id: table.nextId() };
      table.add(item);
      return item;
    });
    const seen: Waiting[] = [];
    for (const item of table) {
      seen.push(item);
      for (const other of items) table.remove(other);
    }
    expect(seen).toEqual(items.slice(0, 1));
  });

  it('refuses an item under an id that it did not give last', () => {
    const table = new IdTable<Waiting>();
    const id = table.nextId();
    table.nextId();
    expect(() => table.add({ id })).toThrow('given last');
  });
});

describe('a heap', () => {
  it('returns the smallest first, and equal items in their order of insertion', () => {
    const step = fc.option(fc.integer({ min: 0, max: 5 }), { freq: 3, nil: 'pop' as const });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const heap = createHeap<number>();
        const twin: { priority: number; item: number }[] = [];
        steps.forEach((taken, item) => {
          if (taken === 'pop') {
            expect(heap.pop()).toBe(twin.shift()?.item);
          } else {
            heap.push(taken, item);
            twin.push({ priority: taken, item });
            twin.sort((a, b) => a.priority - b.priority || a.item - b.item);
          }
          expect(heap.size).toBe(twin.length);
          expect(heap.peekPriority()).toBe(twin[0]?.priority ?? Number.POSITIVE_INFINITY);
        });
      }),
    );
  });
});

/** CRC-32C by its definition: a polynomial division, one bit at a time. */
function crcBitByBit(bytes: Uint8Array, before = 0): number {
  let crc = before ^ 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

describe('crc32c', () => {
  it('equals the bit-by-bit division', () => {
    fc.assert(
      fc.property(someBytes(100), (bytes) => {
        expect(crc32c(bytes, 0, bytes.length)).toBe(crcBitByBit(bytes));
      }),
    );
  });

  it('of the check string of RFC 3720 equals the published value', () => {
    expect(crc32c(bytesOf('123456789'), 0, 9)).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32), 0, 32)).toBe(0x8a9136aa);
  });

  it('can be continued from the checksum of a prefix, at any cut', () => {
    fc.assert(
      fc.property(someBytes(60), fc.nat(60), fc.nat(60), (bytes, a, b) => {
        const [start, cut] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)];
        const first = crc32c(bytes, start, cut);
        expect(crc32c(bytes, cut, bytes.length, first)).toBe(crcBitByBit(bytes.subarray(start)));
      }),
    );
  });

  it('of a number equals that of its eight bytes', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.uint8Array({ maxLength: 20 }), (value, first) => {
        const writer = new ByteWriter();
        writer.u64(value);
        const before = crc32c(first, 0, first.length);
        expect(crc32cOfU64(value, before)).toBe(crc32c(writer.bytes, 0, 8, before));
      }),
    );
  });

  it('changes with every changed byte', () => {
    const changed = fc.tuple(
      fc.uint8Array({ minLength: 1, maxLength: 64 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
    );
    fc.assert(
      fc.property(changed, ([bytes, at, mask]) => {
        const copy = bytes.slice();
        copy[at % copy.length] = (copy[at % copy.length] as number) ^ mask;
        expect(crc32c(copy, 0, copy.length)).not.toBe(crc32c(bytes, 0, bytes.length));
      }),
    );
  });
});

type Item =
  | { readonly as: 'u8' | 'u32' | 'u64' | 'varint' | 'f64'; readonly value: number }
  | { readonly as: 'text'; readonly value: string }
  | { readonly as: 'blob'; readonly value: Uint8Array };

const item: fc.Arbitrary<Item> = fc.oneof(
  fc.nat(255).map((value) => ({ as: 'u8', value }) as const),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((value) => ({ as: 'u32', value }) as const),
  fc.maxSafeNat().map((value) => ({ as: 'u64', value }) as const),
  fc.maxSafeNat().map((value) => ({ as: 'varint', value }) as const),
  fc.nat(300).map((value) => ({ as: 'varint', value }) as const),
  fc.double().map((value) => ({ as: 'f64', value }) as const),
  byteText(40).map((value) => ({ as: 'text', value }) as const),
  someBytes(40).map((value) => ({ as: 'blob', value }) as const),
);

function write(writer: ByteWriter, written: Item): void {
  if (written.as === 'text') writer.text(written.value);
  else if (written.as === 'blob') writer.blob(written.value);
  else writer[written.as](written.value);
}

function read(reader: ByteReader, as: Item['as']): unknown {
  if (as === 'text') return reader.text(1000);
  return reader[as]();
}

describe('bytes', () => {
  it('come back as they were written, at any initial size of the buffer', () => {
    fc.assert(
      fc.property(
        fc.array(item, { maxLength: 20 }),
        fc.integer({ min: 1, max: 16 }),
        (items, size) => {
          const writer = new ByteWriter(size);
          for (const written of items) write(writer, written);
          const reader = new ByteReader(writer.take());
          for (const { as, value } of items) expect(read(reader, as)).toEqual(value);
          expect(reader.finished).toBe(true);
        },
      ),
    );
  });

  it('that end too early fail the reader, which does not throw', () => {
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 10 }), fc.nat(), (items, cut) => {
        const writer = new ByteWriter();
        for (const written of items) write(writer, written);
        const bytes = writer.take();
        const reader = new ByteReader(bytes, 0, cut % bytes.length);
        for (const { as } of items) read(reader, as);
        expect(reader.failed).toBe(true);
        expect(reader.finished).toBe(false);
      }),
    );
  });

  it('cut out of a writer do not change when the writer continues', () => {
    fc.assert(
      fc.property(fc.array(fc.array(item, { maxLength: 4 }), { maxLength: 8 }), (records) => {
        const writer = new ByteWriter(8);
        const cuts = records.map((items) => {
          writer.reset();
          for (const written of items) write(writer, written);
          const kept = writer.take();
          return { kept, cut: writer.cut() };
        });
        for (const { kept, cut } of cuts) expect(equalBytes(cut, kept)).toBe(true);
      }),
    );
  });

  it('of random content never make a reader throw or read past the end', () => {
    const as = fc.constantFrom<Item['as']>('u8', 'u32', 'u64', 'varint', 'f64', 'text', 'blob');
    fc.assert(
      fc.property(someBytes(40), fc.array(as, { maxLength: 20 }), (bytes, kinds) => {
        const reader = new ByteReader(bytes);
        for (const kind of kinds) read(reader, kind);
        expect(reader.at).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });

  it('and byte strings convert into each other and compare alike', () => {
    fc.assert(
      fc.property(byteText(50), byteText(50), (left, right) => {
        const [a, b] = [bytesOf(left), bytesOf(right)];
        expect(byteString(a, 0, a.length)).toBe(left);
        const order = left < right ? -1 : left > right ? 1 : 0;
        expect(Math.sign(compareBytes(a, b))).toBe(order);
        expect(equalBytes(a, b)).toBe(order === 0);
      }),
    );
  });

  it('copied to a slab do not change with their source, even from a Buffer', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 10, 2048, 2049, 9000), fc.boolean(), (length, isBuffer) => {
        const source = isBuffer ? Buffer.alloc(length, 7) : new Uint8Array(length).fill(7);
        const copy = copyToSlab(source, 0, length);
        source.fill(0);
        expect(equalBytes(copy, new Uint8Array(length).fill(7))).toBe(true);
      }),
    );
  });
});

describe('an interner', () => {
  it('returns the same text as decoding does, and refuses what its check refuses', () => {
    const accept = (text: string): boolean => !text.includes('x');
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 3, unit: fc.constantFrom('a', 'b', 'x') })),
        (texts) => {
          const interner = createInterner(4, accept);
          for (const text of texts) {
            const bytes = bytesOf(`-${text}-`);
            const expected = accept(text) ? text : undefined;
            expect(interner.intern(bytes, 1, bytes.length - 1)).toBe(expected);
          }
        },
      ),
    );
  });
});

describe('a histogram', () => {
  it('counts each value in the first bucket that it does not exceed', () => {
    const bounds = [1, 2, 4, 8];
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 1 }), (values) => {
        const histogram = createHistogram(bounds);
        for (const value of values) histogram.observe(value);
        expect(histogram.count).toBe(values.length);
        expect(histogram.sum).toBe(values.reduce((sum, value) => sum + value, 0));
        let below = 0;
        bounds.forEach((bound, bucket) => {
          below += histogram.counts[bucket] as number;
          expect(below).toBe(values.filter((value) => value <= bound).length);
        });
        const median = [...values].sort((a, b) => a - b)[
          Math.ceil(values.length / 2) - 1
        ] as number;
        const reached = bounds.find((bound) => bound >= median) ?? Number.POSITIVE_INFINITY;
        expect(histogram.quantile(0.5)).toBe(reached);
      }),
    );
  });
});
