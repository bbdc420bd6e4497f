import { describe, expect, it } from 'vitest';
import type { Origin } from '../../../src/model/id.ts';
import { recordOf } from '../../../src/model/record.ts';
import { Past, type PastOptions } from '../../../src/order/past.ts';
import { Lane, LANE_EMPTY } from '../../../src/store/lane.ts';
import { key, membersOf, mutation, namespace, namespacesOf, origin } from '../../support/build.ts';

const A = origin('a.2');
const B = origin('b.1');
const C = origin('c.1');

const namespaces = namespacesOf(membersOf(['eu']), {
  ca: { consistency: 'causal' },
  un: { consistency: 'causal', causalScope: 'unit' },
  ev: {},
});
const lane = (id: Origin, received: number): Lane => new Lane(id, { ...LANE_EMPTY, received });
const own = lane(A, 5);
const session = (...dots: readonly (readonly [Origin, number])[]) => new Map(dots);
const replaces = (of: Origin, seq: number) => recordOf(mutation({ origin: of, seq }));
const write = (ns: string, at: string, seen?: ReadonlyMap<Origin, number>) => ({
  namespace: namespace(ns),
  key: key(at),
  session: seen,
});
const nowhere: PastOptions['sessions']['isEverywhere'] = () => false;
const past = (isEverywhere = nowhere, ownLanes = [own]) =>
  new Past({ namespaces, ownLanes, sessions: { isEverywhere } });

describe('a write in causal order', () => {
  it('names the version that it replaces, and what its session has seen', () => {
    const seen = write('ca', 'k', session([B, 3]));
    expect(past().of(own, seen, replaces(C, 4), [])).toEqual([
      { origin: C, seq: 4 },
      { origin: B, seq: 3 },
    ]);
  });

  it('names what its whole run replaces', () => {
    const dots = [
      { origin: B, seq: 7 },
      { origin: B, seq: 3 },
      { origin: A, seq: 1 },
    ];
    expect(past().of(own, write('ca', 'k'), undefined, dots)).toEqual([{ origin: B, seq: 7 }]);
  });

  it('leaves out its own lane, what every member shows, and what an earlier entry named', () => {
    const writes = past(({ origin: of }) => of === C);
    const nearest = (...seen: readonly (readonly [Origin, number])[]) =>
      writes.of(own, write('ca', 'k', session(...seen)), undefined, []);
    expect(nearest([A, 9], [B, 3], [C, 1])).toEqual([{ origin: B, seq: 3 }]);
    expect(nearest([B, 2])).toEqual([]);
    expect(nearest([B, 4])).toEqual([{ origin: B, seq: 4 }]);
  });

  it('names in one unit what was named in another', () => {
    const writes = past();
    for (const at of ['m/1', 'n/1'])
      expect(writes.of(own, write('un', at, session([B, 3])), undefined, [])).toEqual([
        { origin: B, seq: 3 },
      ]);
  });
});

it('a write in another namespace names only the version that it replaces', () => {
  const seen = write('ev', 'k', session([B, 3]));
  expect(past().of(own, seen, replaces(C, 4), [{ origin: B, seq: 1 }])).toEqual([
    { origin: C, seq: 4 },
  ]);
  expect(past().of(own, seen, replaces(A, 4), [])).toEqual([]);
});

it.each(['ca', 'ev'])(
  'the first write of an incarnation names the last of the one before: %s',
  (ns) => {
    const empty = lane(origin('a.3'), 0);
    const before = lane(A, 8);
    const writes = past(undefined, [lane(origin('a.1'), 2), before, empty]);
    expect(writes.of(empty, write(ns, 'k'), undefined, [])).toEqual([
      { origin: before.id, seq: 8 },
    ]);
  },
);
