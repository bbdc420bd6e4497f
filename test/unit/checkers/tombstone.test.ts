import { expect, it } from 'vitest';
import type { Operation } from '../../checkers/operation.ts';
import { tombstone } from '../../checkers/tombstone.ts';
import { operationsOf } from '../../support/operations.ts';

const { get, put: putAt, del: delAt } = operationsOf({ ns: 'ev', node: '0' });

const put = (from: number, to: number, ver: string): Operation =>
  putAt(from, ver, { return_ns: to });
const del = (from: number, to: number, ver: string): Operation =>
  delAt(from, ver, { return_ns: to });

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
