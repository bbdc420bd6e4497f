import { expect, it } from 'vitest';
import { isAfter } from '../../checkers/order.ts';
import type { Write } from '../../checkers/operation.ts';
import type { Effect } from '../../checkers/register.ts';

const attempt = (fields: Partial<Write>): Write =>
  ({ node: '1', call_ns: 0, return_ns: 10, ok: true, ver: null, ...fields }) as Write;
const effect = (...attempts: Write[]): Effect => ({
  ns: 'ev',
  key: 'k',
  type: 'put',
  value: 'v',
  attempts,
  ok: attempts.some(({ ok }) => ok === true) ? true : null,
});

it('a write that was answered before another one was requested at the same replica comes before it', () => {
  const earlier = effect(attempt({}));
  expect(isAfter(effect(attempt({ call_ns: 20, return_ns: 30 })), earlier)).toBe(true);
  expect(isAfter(effect(attempt({ call_ns: 20, node: '2' })), earlier)).toBe(false);
  expect(isAfter(effect(attempt({ call_ns: 5 })), earlier)).toBe(false);
});

it('a retry proves no order for a write that its first attempt may have preceded', () => {
  const between = effect(attempt({ call_ns: 12, return_ns: 14, ver: 'eu-1.1.66' }));
  const retried = effect(
    attempt({ ok: null, ver: 'eu-1.1.50' }),
    attempt({ call_ns: 20, return_ns: 30, ver: 'eu-1.1.50' }),
  );
  expect(isAfter(retried, between)).toBe(false);
  expect(isAfter(between, retried)).toBe(false);
  const refusedFirst = effect(attempt({ ok: false }), attempt({ call_ns: 20, return_ns: 30 }));
  expect(isAfter(refusedFirst, between)).toBe(true);
});

it('a later dot of the same origin comes after an earlier one, whatever the times are', () => {
  const earlier = effect(attempt({ ver: 'eu-1.1.5' }));
  expect(isAfter(effect(attempt({ ver: 'eu-1.1.6' })), earlier)).toBe(true);
  expect(isAfter(effect(attempt({ ver: 'eu-1.2.6', call_ns: 5 })), earlier)).toBe(false);
});
