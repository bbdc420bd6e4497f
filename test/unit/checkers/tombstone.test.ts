import { expect, it } from 'vitest';
import type { Operation } from '../../checkers/operation.ts';
import { tombstone } from '../../checkers/tombstone.ts';

const base = {
  process: 1,
  session: 's',
  node: '0',
  ns: 'ev',
  level: 'eventual',
  key: 'k',
} as const;
const times = (from: number, to: number) => ({ call_ns: from, return_ns: to });
/** The last letter of a version is its time. */
const named = (ver: string) => ({ ok: true, ver, hlc: ver.slice(-1).padStart(16, '0') }) as const;

const put = (from: number, to: number, ver: string): Operation => ({
  ...base,
  ...named(ver),
  ...times(from, to),
  type: 'put',
  value: ver,
  result: null,
});
const del = (from: number, to: number, ver: string): Operation => ({
  ...base,
  ...named(ver),
  ...times(from, to),
  type: 'delete',
  value: null,
  result: null,
});
const get = (at: number, ver: string | null): Operation => ({
  ...base,
  ...(ver === null ? { ok: true, ver } : named(ver)),
  ...times(at, at + 1),
  type: 'get',
  value: null,
  result: ver,
});

const verdictOf = (...history: readonly Operation[]) => tombstone(history, { checked: 0 }).verdict;

it('a delete that is stamped again may be beaten by a value until it is acknowledged', () => {
  const before = [put(1, 2, '0.1.1'), get(3, '0.1.1')];
  // Its first stamp removes the value; a newer value comes, and the delete is stamped above it.
  const meanwhile = [get(12, null), put(13, 14, '1.1.5'), get(16, '1.1.5')];
  expect(verdictOf(...before, ...meanwhile, del(10, 20, '0.1.6'))).toBe('valid');
  expect(verdictOf(...before, ...meanwhile, del(10, 20, '0.1.6'), get(21, '1.1.5'))).toBe(
    'invalid',
  );
});
