import { describe, expect, it } from 'vitest';
import type { ListCommand } from '../../../src/model/command.ts';
import { type Record, recordOf } from '../../../src/model/record.ts';
import {
  emptyPage,
  fold,
  isFull,
  keep,
  listedOf,
  type ListPage,
  PAGE_BYTES_MAX,
} from '../../../src/quorum/list-page.ts';
import { bytes, key, mutation, namespace } from '../../support/build.ts';

const VALUE = 'x'.repeat(1000);

function page(says: Partial<ListCommand> = {}, deadlineMs = 10_000): ListPage {
  const command: ListCommand = {
    kind: 'list',
    client: { onReply: () => {} },
    namespace: namespace('ns'),
    prefix: '',
    start: '',
    end: '',
    after: '',
    reverse: false,
    limit: 3,
    delimiter: '',
    values: true,
    r: undefined,
    bytesMax: undefined,
    timeoutMs: undefined,
    session: undefined,
    onUnmet: 'fail',
    ...says,
  };
  return emptyPage(command, deadlineMs, 7, 1000);
}

const record = (name: string): Record =>
  recordOf(mutation({ key: key(name), value: bytes(VALUE) }));

describe('a page', () => {
  it('ends after a second, or half of its time if that is less', () => {
    expect([page().enoughMs, page({}, 1400).enoughMs]).toEqual([2000, 1200]);
  });

  it('is full with as many items and prefixes as its limit', () => {
    const list = page();
    keep(list, record('a'));
    fold(list, 'b/');
    expect(isFull(list, PAGE_BYTES_MAX)).toBe(false);
    keep(list, record('c'));
    expect(isFull(list, PAGE_BYTES_MAX)).toBe(true);
  });

  it.each([
    ['the bound of all pages', undefined, 1000],
    ['the bound that its client asks for', 1000, PAGE_BYTES_MAX],
  ])('is full with as many bytes as %s', (_, bytesMax, most) => {
    const list = page({ bytesMax });
    expect(isFull(list, most)).toBe(false);
    keep(list, record('a'));
    expect(isFull(list, most)).toBe(true);
  });

  it('of keys only keeps no values', () => {
    const list = page({ values: false });
    keep(list, record('a'));
    expect(list.items[0]).not.toEqual(record('a'));
    expect(list.bytes).toBeLessThan(VALUE.length);
  });

  it('continues after what it found last', () => {
    const list = page();
    keep(list, record('a'));
    expect(list.after).toBe('a');
    fold(list, 'b/');
    expect(list.after).toBe('b/');
  });

  it.each([
    [false, 'a', 'b'],
    [true, 'b', 'a'],
  ])('takes items in the order of keys only; reverse: %s', (reverse, first, second) => {
    const list = page({ reverse });
    keep(list, record(first));
    keep(list, record(second));
    expect(() => keep(list, record(first))).toThrow('order of keys');
  });

  it('is as stale at its end as its records were at its begin, and the time since', () => {
    expect(listedOf(page(), [], 1500)).toMatchObject({ kind: 'listed', stalenessMs: 507 });
  });
});
