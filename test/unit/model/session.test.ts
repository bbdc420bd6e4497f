import { describe, expect, it } from 'vitest';
import type { Dot } from '../../../src/model/id.ts';
import { recordOf } from '../../../src/model/record.ts';
import type { Reply } from '../../../src/model/reply.ts';
import { ALL_GUARANTEES, type Guarantee } from '../../../src/model/guarantees.ts';
import {
  NEW_SESSION,
  type Session,
  type SessionFacts,
  neededBy,
  sessionAfter,
} from '../../../src/model/session.ts';
import { mutation, origin } from '../../support/build.ts';

const EU = origin('eu-1.1');
const US = origin('us-1.1');
const nowhere: Pick<SessionFacts, 'isEverywhere'> = { isEverywhere: () => false };
const upTo = (seq: number) => ({ isEverywhere: (dot: Dot) => dot.seq <= seq });

const rest = { stalenessMs: 'unknown', answers: 1, heldBy: undefined } as const;
const counts = { created: true, acks: 1, replicas: 3, settled: true, replayed: false };
const written = (seq: number): Reply => {
  const dot = { origin: EU, seq };
  const more = { hlc: 1, supersededBy: undefined, replaced: undefined };
  return { kind: 'written', dot, ...counts, ...more };
};
const found = (seq: number): Reply => {
  return { kind: 'found', record: recordOf(mutation({ origin: US, seq })), ...rest };
};
const after = (
  session: Session,
  reply: Reply,
  guarantees: readonly Guarantee[] = ['ryw', 'mr', 'mw', 'wfr'],
  facts = nowhere,
) => [...sessionAfter(session, reply, new Set(guarantees), facts)];

describe('the session after a reply', () => {
  it('has the write, and the version that was read', () => {
    expect(after(NEW_SESSION, written(4))).toEqual([[EU, 4]]);
    expect(after(new Map([[EU, 4]]), found(2))).toEqual([
      [EU, 4],
      [US, 2],
    ]);
  });

  it('keeps what it had seen further', () => {
    expect(after(new Map([[US, 9]]), found(2))).toEqual([[US, 9]]);
  });

  it('has the delete because of which nothing was found', () => {
    const removal = { origin: US, seq: 3 };
    expect(after(NEW_SESSION, { kind: 'absent', removal, ...rest })).toEqual([[US, 3]]);
    expect(after(NEW_SESSION, { kind: 'absent', removal: undefined, ...rest })).toEqual([]);
  });

  it('has everything that a page of a list is of', () => {
    const items = [recordOf(mutation({ origin: US, seq: 8 }))];
    const page = { items, prefixes: [], shown: [[EU, 2] as const], after: '' };
    const { answers: _, ...origins } = rest;
    const reply: Reply = { kind: 'listed', ...page, ...origins };
    expect(after(NEW_SESSION, reply)).toEqual([
      [EU, 2],
      [US, 8],
    ]);
  });

  it('has every write of a run', () => {
    const items = [5, 6].map((seq) => ({
      dot: { origin: EU, seq },
      created: true,
      supersededBy: undefined,
    }));
    const { created: _, ...run } = counts;
    expect(after(NEW_SESSION, { kind: 'run-written', items, ...run })).toEqual([[EU, 6]]);
  });

  it('does not have what every member shows', () => {
    const session = new Map([[EU, 4]]);
    expect(after(session, found(2), undefined, upTo(4))).toEqual([]);
    expect(after(session, found(5), undefined, upTo(4))).toEqual([[US, 5]]);
  });

  it('is the same object if nothing was added and nothing is everywhere', () => {
    const session = new Map([[US, 9]]);
    expect(sessionAfter(session, found(2), ALL_GUARANTEES, nowhere)).toBe(session);
    const { isEverywhere } = upTo(9);
    expect(sessionAfter(session, found(2), ALL_GUARANTEES, { isEverywhere })).toBe(NEW_SESSION);
  });

  it('has only what the guarantees that are asked for need', () => {
    expect(after(NEW_SESSION, found(2), ['ryw', 'mw'])).toEqual([]);
    expect(after(NEW_SESSION, written(2), ['mr', 'wfr'])).toEqual([]);
    expect(after(NEW_SESSION, written(2), ['ryw'])).toEqual([[EU, 2]]);
    expect(after(NEW_SESSION, found(2), ['wfr'])).toEqual([[US, 2]]);
  });
});

describe('what a request must find', () => {
  const session = new Map([[EU, 1]]);

  it('is the session, for reads and writes', () => {
    expect(neededBy('read', session, ALL_GUARANTEES)).toBe(session);
    expect(neededBy('write', session, ALL_GUARANTEES)).toBe(session);
  });

  it('is nothing in a new session, and where the guarantee is switched off', () => {
    expect(neededBy('read', NEW_SESSION, ALL_GUARANTEES)).toBeUndefined();
    expect(neededBy('read', session, new Set(['mw', 'wfr'] as const))).toBeUndefined();
    expect(neededBy('write', session, new Set(['ryw', 'mr'] as const))).toBeUndefined();
    expect(neededBy('write', session, new Set(['wfr'] as const))).toBe(session);
  });
});
