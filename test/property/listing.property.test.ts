// Lists compared with a simple model that sorts everything and groups by hand: one page, and all
// pages by their cursors.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Key, NamespaceName } from '../../src/model/id.ts';
import type { Listed } from '../../src/model/reply.ts';
import { delOf, listOf, type ListOptions, putOf } from '../cluster/cluster.ts';
import { mutation } from '../support/build.ts';
import { KeyMap } from '../support/key-map.ts';
import { Solo } from '../support/solo.ts';
import { recordKey } from '../../src/store/layout.ts';

const unit = fc.constantFrom('a', 'b', '/', '\xff');
const text = fc.string({ unit, maxLength: 4 });
/** Many of few letters, so that keys, prefixes and delimiters coincide. */
const key = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', '/'), minLength: 1, maxLength: 4 }),
  fc.string({ unit, minLength: 1, maxLength: 5 }),
);

const question = fc.record({
  /** The first letters of one of the keys, or none. */
  prefixOf: fc.nat(),
  prefixLength: fc.nat(3),
  start: fc.oneof({ weight: 3, arbitrary: fc.constant('') }, { weight: 1, arbitrary: text }),
  end: fc.oneof({ weight: 3, arbitrary: fc.constant('') }, { weight: 1, arbitrary: text }),
  reverse: fc.boolean(),
  delimiter: fc.constantFrom('', '/', '//', 'a', 'b/'),
  limit: fc.integer({ min: 1, max: 3 }),
});
type Question = ListOptions & { prefix: string; start: string; end: string; delimiter: string };

const NS = 'ns' as NamespaceName;

/** Everything that a list without a limit shows, in order: keys, and prefixes marked as such. */
function twin(live: readonly string[], asked: Question): string[] {
  const { prefix, start, end, delimiter, reverse } = asked;
  const within = live
    .filter((k) => k.startsWith(prefix) && (start === '' || k >= start) && (end === '' || k < end))
    .sort();
  if (reverse === true) within.reverse();
  const given: string[] = [];
  for (const k of within) {
    const at = delimiter === '' ? -1 : k.indexOf(delimiter, prefix.length);
    const shown = at < 0 ? k : `prefix ${k.slice(0, at + delimiter.length)}`;
    if (given.at(-1) !== shown) given.push(shown);
  }
  return given;
}

const given = ({ items, prefixes }: Listed): string[] => [
  ...items.map((item) => item.key as string),
  ...prefixes.map((prefix) => `prefix ${prefix}`),
];

/** Some keys are present and some were deleted; they are written in any order. */
function stored(keys: readonly string[], deleted: readonly string[]): Solo {
  const storage = new KeyMap();
  keys.forEach((k, i) => {
    const operation = deleted.includes(k) ? 'delete' : 'put';
    const record = mutation({ seq: i + 1, hlc: i + 1, namespace: NS, key: k as Key, operation });
    storage.apply({ keys: [recordKey(NS, record.key)], values: [record.bytes] });
  });
  // Keys of other namespaces, which no list of this one may show.
  for (const name of ['n', 'ns-', 'nt']) {
    const other = mutation({ namespace: name as NamespaceName, key: 'a' as Key });
    storage.apply({ keys: [recordKey(other.namespace, other.key)], values: [other.bytes] });
  }
  return new Solo({ storage });
}

function list(solo: Solo, asked: ListOptions): Listed {
  const reply = solo.ask(listOf(asked));
  if (reply?.kind !== 'listed') throw new Error(`not a list: ${JSON.stringify(reply)}`);
  return reply;
}

describe('a list', () => {
  const keys = fc.uniqueArray(key, { maxLength: 25, size: 'large' });

  it('page by page returns every key once, in order, and every page but the last is full', () => {
    fc.assert(
      fc.property(keys, keys, question, (all, others, { prefixOf, prefixLength, ...rest }) => {
        const prefix = (all[prefixOf % all.length] ?? '').slice(0, prefixLength);
        const asked = { ...rest, prefix };
        const deleted = others.slice(0, others.length / 2);
        const solo = stored([...new Set([...all, ...deleted])], deleted);
        const expected = twin(
          all.filter((k) => !deleted.includes(k)),
          asked,
        );
        const pages: string[][] = [];
        let after = '';
        do {
          const page = list(solo, { ...asked, after });
          pages.push(given(page));
          after = page.after;
          if (after !== '') expect(given(page)).toHaveLength(asked.limit);
          expect(pages.length).toBeLessThanOrEqual(expected.length + 1);
        } while (after !== '');
        // Within a page items come before prefixes; over pages the order is total.
        let taken = 0;
        for (const page of pages) {
          const part = expected.slice(taken, taken + page.length);
          taken += page.length;
          expect([...page].sort()).toEqual([...part].sort());
          const itemsOf = (some: readonly string[]) => some.filter((s) => !s.startsWith('prefix '));
          expect(itemsOf(page)).toEqual(itemsOf(part));
        }
        expect(taken).toBe(expected.length);
      }),
      { numRuns: 500 },
    );
  });

  it('continues from a cursor whose key no longer exists', () => {
    fc.assert(
      fc.property(keys, key, fc.boolean(), (all, after, reverse) => {
        const solo = stored(all, []);
        const rest = all.filter((k) => (reverse ? k < after : k > after)).sort();
        if (reverse) rest.reverse();
        expect(given(list(solo, { after, reverse }))).toEqual(rest);
      }),
    );
  });

  it('shows the effect of a put and a delete as soon as they are answered', () => {
    const solo = new Solo();
    for (const k of ['b', 'a', 'c']) solo.ask(putOf(k, 'v'));
    solo.ask(delOf('b'));
    expect(given(list(solo, {}))).toEqual(['a', 'c']);
  });

  it('of an empty or reversed range is empty', () => {
    const solo = stored(['a', 'b'], []);
    for (const asked of [
      { start: 'b', end: 'a' },
      { start: 'a', end: 'a' },
      { prefix: 'z' },
      { prefix: 'a', start: 'b' },
    ]) {
      expect(list(solo, asked)).toMatchObject({ items: [], prefixes: [], shown: [], after: '' });
    }
  });

  it('that meets a damaged record is refused, and shows no other record', () => {
    const solo = stored(['a', 'b', 'c'], []);
    solo.storage.damage(recordKey(NS, 'b' as Key), 30);
    expect(solo.ask(listOf({}))).toMatchObject({
      kind: 'failed',
      fault: { code: 'record-corrupt' },
    });
    expect(given(list(solo, { end: 'b' }))).toEqual(['a']);
  });

  it('reads page after page from storage, however many hidden keys are in between', () => {
    const names = Array.from({ length: 1500 }, (_, i) => `k${String(i).padStart(4, '0')}`);
    const shown = ['k0000', 'k0777', 'k1499'];
    const solo = stored(
      names,
      names.filter((k) => !shown.includes(k)),
    );
    expect(given(list(solo, {}))).toEqual(shown);
    expect(given(list(solo, { reverse: true, limit: 2 }))).toEqual(['k1499', 'k0777']);
  });
});
