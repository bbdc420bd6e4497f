import { describe, expect, it } from 'vitest';
import { createPrng } from '../../../src/base/prng.ts';
import { audit } from '../../checkers/audit.ts';
import { convergence } from '../../checkers/convergence.ts';
import { lastWriteWins } from '../../checkers/last-write-wins.ts';
import type { Operation } from '../../checkers/operation.ts';
import { outcome } from '../../checkers/outcome.ts';
import { setFull } from '../../checkers/set-full.ts';
import { tombstone } from '../../checkers/tombstone.ts';
import type { Verdict } from '../../checkers/verdict.ts';
import { wellFormed } from '../../checkers/well-formed.ts';
import { contest, CUT } from './contest.ts';
import type { Injector } from './anomalies.ts';
import * as inject from './contest-anomalies.ts';
import { generate, NAMESPACES } from './generator.ts';

const HISTORIES = 1000;
const INJECTIONS = 150;
const timed = Array.from({ length: HISTORIES }, (_, seed) => contest(createPrng(seed)));
const sparse = Array.from({ length: HISTORIES / 2 }, (_, seed) =>
  contest(createPrng(seed), seed % 2 === 0 ? 'sometimes' : 'never'),
);
const others = Array.from({ length: 200 }, (_, seed) => generate(createPrng(seed)));

const wins = (history: readonly Operation[]) => lastWriteWins(history, { ...CUT, contested: 0 });
const graves = (history: readonly Operation[]) => tombstone(history, { checked: 0 });

function expectValid({ verdict, reason }: Verdict<unknown>, seed: number): void {
  expect(`${verdict} ${reason}`, `seed ${seed}`).toBe('valid ');
}

describe('a contest of replicas with skewed clocks', () => {
  it('is a legal history to the other checkers', () => {
    timed.forEach((history, seed) => {
      expectValid(wellFormed(history), seed);
      expectValid(audit(history, CUT), seed);
      expectValid(outcome(history, {}), seed);
      expectValid(convergence(history, { ...CUT, keys: 0 }), seed);
      expectValid(setFull(history, { replicas: 3, overlapReads: 0 }), seed);
    });
  });

  it(`is accepted ${HISTORIES} times with times, and half as often without`, () => {
    const sums = { contested: 0, decided: 0, won: 0, checked: 0, blind: 0 };
    [...timed, ...sparse].forEach((history, seed) => {
      const winners = wins(history);
      const buried = graves(history);
      expectValid(winners, seed);
      expectValid(buried, seed);
      sums.contested += winners.stats.contested;
      sums.decided += winners.stats.views - winners.stats.undecided;
      sums.won += buried.stats.won;
      if (seed < HISTORIES) sums.checked += buried.stats.checked;
      else sums.blind += buried.stats.checked;
    });
    expect(sums.contested).toBeGreaterThan(HISTORIES * 2);
    expect(sums.decided).toBeGreaterThan(HISTORIES * 10);
    expect(sums.won).toBeGreaterThan(HISTORIES * 3);
    expect(sums.checked).toBeGreaterThan(HISTORIES * 10);
    expect(sums.blind).toBeGreaterThan(HISTORIES * 4);
  });

  it('is not the only kind of history that is accepted', () => {
    others.forEach((history, seed) => {
      const cut = { nodes: 3, namespaces: NAMESPACES.slice(0, 1) };
      expectValid(lastWriteWins(history, { ...cut, contested: 0 }), seed);
      expectValid(graves(history), seed);
    });
  });
});

type Checker = (history: readonly Operation[]) => Verdict<unknown>;
const anomalies: readonly (readonly [name: string, kind: string, Checker, Injector])[] = [
  ['everywhere', 'wrong-winner', wins, inject.olderEverywhere],
  ['somewhere', 'wrong-winner', wins, inject.olderSomewhere],
  ['nothing', 'wrong-winner', wins, inject.absentSomewhere],
  ['one time', 'wrong-winner', wins, inject.tieEverywhere],
  ['one time', 'tie-broken-differently', wins, inject.tieSomewhere],
  ['in the end', 'resurrected', graves, inject.reviveInTheEnd],
  ['after a named delete', 'resurrected', graves, inject.reviveNamed],
  ['after its own delete', 'resurrected', graves, inject.reviveOwn],
  ['without times', 'resurrected', graves, inject.reviveUntimed],
];

describe.each(anomalies)('%s, %s', (_name, kind, check, injector) => {
  it(`is found in ${INJECTIONS} histories that hold it`, () => {
    let injected = 0;
    for (let seed = 0; seed < HISTORIES && injected < INJECTIONS; seed++) {
      const history = injector(timed[seed] ?? [], createPrng(seed));
      if (history === undefined) continue;
      injected++;
      const { verdict, reason, counterexample } = check(history);
      expect(`${verdict} ${reason}`, `seed ${seed}`).toContain(`invalid ${kind}`);
      expect(counterexample.length).toBeGreaterThan(0);
      expect(counterexample.length).toBeLessThanOrEqual(10);
    }
    expect(injected).toBe(INJECTIONS);
  });
});

describe('a delete that won', () => {
  const base = {
    process: 1,
    session: 's',
    ns: 'demo',
    level: 'eventual',
    key: 'k',
    ok: true,
  } as const;
  const at = (node: string, ns: number) => ({ ...base, node, call_ns: ns, return_ns: ns + 5 });
  const write = (node: string, ns: number, value: string | null, ver: string): Operation => {
    const type = value === null ? 'delete' : 'put';
    return { ...at(node, ns), type, value, ver, result: null };
  };
  const read = (node: string, ns: number, result: string | null, ver: string | null): Operation => {
    return { ...at(node, ns), type: 'get', value: null, result, ver };
  };
  const kill = (node: string, ns: number): Operation => {
    return { ...at(node, ns), ns: '', type: 'fault', value: 'kill', result: 'done', ver: null };
  };
  const before = [
    write('eu-1', 0, 'a', 'eu-1.1.1'),
    read('us-1', 10, 'a', 'eu-1.1.1'),
    write('eu-1', 20, null, 'eu-1.1.2'),
  ];
  const absent = read('us-1', 40, null, null);
  const again = read('us-1', 60, 'a', 'eu-1.1.1');

  it('is known from a read that found nothing where a value had been', () => {
    const { verdict, counterexample } = graves([...before, absent, again]);
    expect(verdict).toBe('invalid');
    expect(counterexample).toEqual([before[0], before[2], absent, again]);
  });

  it('is not known while the value was never gone at that replica', () => {
    expect(graves([...before, read('us-1', 40, 'a', 'eu-1.1.1'), again]).verdict).toBe('valid');
    expect(graves([...before, read('ap-1', 40, null, null), again]).verdict).toBe('valid');
    expect(graves([...before.toSpliced(1, 1), absent, again]).verdict).toBe('valid');
  });

  it('is not known if the replica may have forgotten the value, or all that it showed', () => {
    expect(graves([...before, kill('us-1', 30), absent, again]).verdict).toBe('valid');
    expect(graves([...before, kill('eu-1', 30), absent, again]).verdict).toBe('invalid');
    const forgetful = { checked: 0, forgetful: ['us-1'] };
    expect(tombstone([...before, absent, again], forgetful).verdict).toBe('valid');
  });

  it('may be another delete of unknown outcome, and allows a newer value', () => {
    const other: Operation = { ...write('ap-1', 22, null, ''), ok: null, ver: null };
    expect(graves([...before, other, absent, again]).verdict).toBe('valid');
    const put = write('us-1', 22, 'b', 'us-1.1.1');
    expect(graves([...before, put, absent, read('us-1', 60, 'b', 'us-1.1.1')]).verdict).toBe(
      'valid',
    );
  });

  it('excludes a value that its replica had shown before, unless that may have been forgotten', () => {
    const put = write('ap-1', 0, 'a', 'ap-1.1.1');
    const seen = read('us-1', 10, 'a', 'ap-1.1.1');
    const removal = write('us-1', 30, null, 'us-1.1.1');
    const shown = read('us-1', 50, 'a', 'ap-1.1.1');
    expect(graves([put, seen, removal, shown]).verdict).toBe('invalid');
    expect(graves([put, seen, kill('us-1', 20), removal, shown]).verdict).toBe('valid');
    expect(graves([put, removal, shown]).verdict).toBe('valid');
  });

  it('may be one that a replica with another clock had made long before', () => {
    const early = write('eu-1', 0, null, 'eu-1.1.1');
    const nothing = read('us-1', 10, null, null);
    const here = [write('us-1', 20, 'b', 'us-1.1.1'), read('us-1', 30, 'b', 'us-1.1.1')];
    const there = [write('ap-1', 32, 'c', 'ap-1.1.1'), write('ap-1', 38, null, 'ap-1.1.2')];
    const late = [read('us-1', 50, null, null), read('us-1', 60, 'c', 'ap-1.1.1')];
    expect(graves([early, nothing, ...here, ...there, ...late]).verdict).toBe('valid');
    expect(graves([nothing, ...here, ...there, ...late]).verdict).toBe('invalid');
  });

  it('is vacuous if too little was read afterwards, or no replica reported what it holds', () => {
    expect(tombstone(timed[0] ?? [], { checked: 1e6 }).verdict).toBe('vacuous');
    expect(tombstone(timed[0] ?? [], { checked: 0, ok: { get: 1e6 } }).verdict).toBe('vacuous');
    expect(lastWriteWins(timed[0] ?? [], { ...CUT, contested: 1e6 }).verdict).toBe('vacuous');
    expect(lastWriteWins(before, { ...CUT, contested: 0 }).verdict).toBe('vacuous');
  });

  it('is refused if its times have two widths', () => {
    const odd = [
      { ...before[0], hlc: '9' },
      { ...before[2], hlc: '10' },
    ] as Operation[];
    expect(() => graves(odd)).toThrow('another width');
  });
});
