import { describe, expect, it } from 'vitest';
import { fault } from '../../../src/model/fault.ts';
import { listOf } from '../../../src/model/member-set.ts';
import { type Mutation, recordOf } from '../../../src/model/record.ts';
import {
  hasNewest,
  isBefore,
  isShown,
  type Row,
  see,
  onRowRead,
  versionOf,
} from '../../../src/quorum/list-rows.ts';
import { key, mutation } from '../../support/build.ts';
import { AP, EU, US } from '../../support/machine-room.ts';

const NOW = { wallMs: 1000, monoMs: 0 };
const entry = (seq: number, fields: Partial<Mutation> = {}): Mutation =>
  mutation({ key: key('k'), seq, hlc: seq * 1024, ...fields });
const record = (seq: number, fields: Partial<Mutation> = {}) => recordOf(entry(seq, fields));

/**
 * The answers of members about one key, in this order: the version, and whether it is this
 * replica's own.
 */
function rowOf(...said: readonly (readonly [member: number, seq: number])[]): Row {
  const rows = new Map<string, Row>();
  for (const [member, seq] of said)
    see(rows, versionOf(record(seq)), member, member === AP ? record(seq) : undefined);
  return rows.get('k') as Row;
}

const holders = ({ holders: set }: Row): number[] => listOf(set);

describe('the versions of a key at several replicas', () => {
  it.each([
    [
      'the newest comes last',
      [
        [AP, 1],
        [EU, 2],
      ],
      2,
      [EU],
    ],
    [
      'the newest comes first',
      [
        [AP, 2],
        [EU, 1],
      ],
      2,
      [AP],
    ],
    [
      'all have the same',
      [
        [AP, 1],
        [EU, 1],
        [US, 1],
      ],
      1,
      [AP, EU, US],
    ],
    [
      'two have the newest',
      [
        [EU, 1],
        [AP, 2],
        [US, 2],
      ],
      2,
      [AP, US],
    ],
  ] as const)('give the newest one and its holders, if %s', (_, said, seq, expected) => {
    const row = rowOf(...said);
    expect([row.newest.seq, holders(row)]).toEqual([seq, expected]);
  });

  it('are kept apart for each key', () => {
    const rows = new Map<string, Row>();
    see(rows, versionOf(record(1)), AP, undefined);
    see(rows, versionOf(record(1, { key: key('l') })), EU, undefined);
    expect([...rows.keys()]).toEqual(['k', 'l']);
  });

  it('show whether this replica has the newest', () => {
    expect(hasNewest(rowOf([AP, 2], [EU, 1]))).toBe(true);
    expect(hasNewest(rowOf([AP, 1], [EU, 2]))).toBe(false);
    expect(hasNewest(rowOf([EU, 1]))).toBe(false);
  });

  it('are compared without values, deletes included', () => {
    const { key: name, hlc, origin, seq } = entry(3);
    expect(versionOf(record(3))).toEqual({ key: name, isDeleted: false, hlc, origin, seq });
    expect(versionOf(record(3, { operation: 'delete' }))).toMatchObject({ isDeleted: true });
  });
});

describe('the content of a row', () => {
  it('is a live, settled value before its deadline', () => {
    expect(isShown(rowOf([AP, 1]), NOW)).toBe(true);
    expect(isShown({ ...rowOf([AP, 1]), isOpen: true }, NOW)).toBe(false);
    expect(isShown(rowOf([EU, 1]), NOW)).toBe(false);
    const own = (fields: Partial<Mutation>) => ({ ...rowOf([AP, 1]), own: record(1, fields) });
    expect(isShown(own({ operation: 'delete' }), NOW)).toBe(false);
    expect(isShown(own({ expiresAtMs: 1001 }), NOW)).toBe(true);
    expect(isShown(own({ expiresAtMs: 1000 }), NOW)).toBe(false);
  });

  it('is the answer to a read of its key, with its value only on request', () => {
    const row = { ...rowOf([EU, 1]), isOpen: true };
    const answer = { kind: 'found', record: record(2), stalenessMs: 0, answers: 2 } as const;
    const found = { ...answer, heldBy: undefined };
    onRowRead(row, found, true);
    expect([row.own, row.isOpen]).toEqual([found.record, false]);
    onRowRead(row, found, false);
    expect(row.own).toMatchObject({ seq: 2 });
    expect(row.own).not.toEqual(found.record);
  });

  it('is empty if the read fails or finds nothing', () => {
    const row = { ...rowOf([AP, 1]), isOpen: true };
    const why = fault('timeout', 'why');
    onRowRead(row, { kind: 'failed', fault: why }, true);
    expect([row.own, row.failed, row.isOpen]).toEqual([undefined, why, false]);
  });
});

describe('the order of a list', () => {
  it('is that of the keys, or the reverse', () => {
    expect([isBefore('a', 'b', false), isBefore('b', 'a', false)]).toEqual([true, false]);
    expect([isBefore('a', 'b', true), isBefore('b', 'a', true)]).toEqual([false, true]);
    expect([isBefore('a', 'a', false), isBefore('a', 'a', true)]).toEqual([false, false]);
  });
});
