import { describe, expect, it } from 'vitest';
import { isAnswerTo } from '../../../src/forward/check.ts';
import type { ForwardAnswer, Question } from '../../../src/model/message.ts';
import { recordOf } from '../../../src/model/record.ts';
import { key, mutation, namespace } from '../../support/build.ts';

const NS = namespace('ns');
const READ = { kind: 'read', namespace: NS, key: key('k'), r: undefined } as Question;
const LIST = {
  kind: 'list',
  namespace: NS,
  prefix: 'k',
  start: '',
  end: '',
  after: '',
  delimiter: '',
  reverse: false,
  limit: 2,
} as Question;

const found = (name: string): ForwardAnswer =>
  ({
    kind: 'found',
    record: recordOf(mutation({ namespace: NS, key: key(name) })),
  }) as ForwardAnswer;
const page = (names: readonly string[], after = '', prefixes: string[] = []): ForwardAnswer => {
  const items = names.map((name) => recordOf(mutation({ namespace: NS, key: key(name) })));
  return { kind: 'listed', items, prefixes, after } as unknown as ForwardAnswer;
};

describe('an answer to a read', () => {
  it('is the record of its key, or none', () => {
    expect(isAnswerTo(READ, found('k'))).toBe(true);
    expect(isAnswerTo(READ, found('other'))).toBe(false);
    expect(isAnswerTo(READ, { kind: 'absent' } as ForwardAnswer)).toBe(true);
    expect(isAnswerTo(READ, page([]))).toBe(false);
  });
});

describe('an answer to a list', () => {
  it('has keys within the bounds, in order', () => {
    expect(isAnswerTo(LIST, page(['k1', 'k2']))).toBe(true);
    expect(isAnswerTo(LIST, page(['k2', 'k1']))).toBe(false);
    expect(isAnswerTo(LIST, page(['a']))).toBe(false);
    expect(isAnswerTo({ ...LIST, reverse: true } as Question, page(['k2', 'k1']))).toBe(true);
  });

  it('has no more than was requested, and no prefixes without a delimiter', () => {
    expect(isAnswerTo(LIST, page(['k1', 'k2', 'k3']))).toBe(false);
    expect(isAnswerTo(LIST, page([], '', ['k/']))).toBe(false);
    expect(isAnswerTo({ ...LIST, delimiter: '/' } as Question, page([], '', ['k/']))).toBe(true);
  });

  it('continues behind where it began', () => {
    const next = { ...LIST, after: 'k5' } as Question;
    expect(isAnswerTo(next, page(['k6'], 'k6'))).toBe(true);
    expect(isAnswerTo(next, page([], 'k4'))).toBe(false);
  });
});
