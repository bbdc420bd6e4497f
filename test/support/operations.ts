// Operations of a history, for tests of checkers. Each takes a nanosecond unless it says otherwise.
// The last letter of a version is its time.

import type { Operation } from '../checkers/operation.ts';

type Fields = Partial<Operation>;

const BASE = {
  process: 1,
  session: 's',
  node: 'eu-1',
  level: 'eventual',
  key: 'k',
  ok: true,
  result: null,
} as const;

/** `of`: what all of them have, at least their namespace. */
export function operationsOf(of: Fields & Pick<Operation, 'ns'>) {
  const operation = (at: number, fields: object, more: Fields): Operation =>
    ({ ...BASE, ...of, call_ns: at, return_ns: at + 1, ...fields, ...more }) as Operation;
  const get = (at: number, ver: string | null, more: Fields = {}): Operation =>
    operation(at, { type: 'get', value: null, result: ver, ver, ...timed(ver) }, more);
  const put = (at: number, ver: string, more: Fields = {}): Operation =>
    operation(at, { type: 'put', value: ver, ver, ...timed(ver) }, more);
  const del = (at: number, ver: string, more: Fields = {}): Operation =>
    operation(at, { type: 'delete', value: null, ver, ...timed(ver) }, more);
  /** A page of all keys. */
  const list = (
    at: number,
    vers: readonly (readonly [key: string, ver: string])[],
    more: Fields = {},
  ): Operation => {
    const result = vers.map(([key, ver]) => ({ key, value: ver, ver, ...timed(ver) }));
    const page = { reverse: false, more: false, after: '', ver: null };
    return operation(at, { key: '', type: 'list', value: null, result, ...page }, more);
  };
  return { get, put, del, list };
}

function timed(ver: string | null): { readonly hlc?: string } {
  return ver === null ? {} : { hlc: ver.slice(-1).padStart(16, '0') };
}
