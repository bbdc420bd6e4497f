import { describe, expect, it } from 'vitest';
import { createPrng } from '../../../src/base/prng.ts';
import { audit } from '../../checkers/audit.ts';
import { convergence } from '../../checkers/convergence.ts';
import { fifo } from '../../checkers/fifo.ts';
import { liveness } from '../../checkers/liveness.ts';
import type { Operation } from '../../checkers/operation.ts';
import { outcome } from '../../checkers/outcome.ts';
import { setFull } from '../../checkers/set-full.ts';
import type { Verdict } from '../../checkers/verdict.ts';
import { wellFormed } from '../../checkers/well-formed.ts';
import * as inject from './anomalies.ts';
import { generate, NAMESPACES, NODES } from './generator.ts';

const HISTORIES = 1000;
const INJECTIONS = 100;
const histories = Array.from({ length: HISTORIES }, (_, seed) => generate(createPrng(seed)));
const cut = { nodes: NODES.length, namespaces: NAMESPACES };

type Checker = (history: readonly Operation[]) => Verdict<unknown>;

const checkers: Readonly<Record<string, Checker>> = {
  audit: (history) => audit(history, cut),
  outcome: (history) => outcome(history, {}),
  fifo: (history) => fifo(history, { checked: 0 }),
  'set-full': (history) => setFull(history, { replicas: 3, overlapReads: 0 }),
  convergence: (history) => convergence(history, { ...cut, keys: 1 }),
  liveness: (history) => liveness(history, { hungMs: 1000, returnMs: 1000 }),
  'well-formed': (history) => wellFormed(history),
};

const anomalies: readonly (readonly [checker: string, reason: string, inject.Injector])[] = [
  ['audit', 'lost', inject.loseWrite],
  ['audit', 'refused-present', inject.keepRefused],
  ['audit', 'phantom', inject.conjure],
  ['audit', 'overwritten', inject.rollBack],
  ['outcome', 'refused-visible', inject.showRefused],
  ['outcome', 'thin-air', inject.conjure],
  ['outcome', 'early', inject.showEarly],
  ['outcome', 'applied-twice', inject.applyTwice],
  ['fifo', 'hole', inject.tearHole],
  ['set-full', 'lost', inject.loseWrite],
  ['set-full', 'stale-overlap', inject.readStale],
  ['convergence', 'diverged', inject.diverge],
  ['convergence', 'two-faced', inject.answerOtherwise],
  ['liveness', 'hung', inject.hang],
  ['liveness', 'no-return', inject.neverReturn],
  ['well-formed', 'revenant', inject.goOn],
];

describe.each(Object.entries(checkers))('%s', (_name, check) => {
  it(`accepts ${HISTORIES} legal histories`, () => {
    histories.forEach((history, seed) => {
      const { verdict, reason } = check(history);
      expect(`${verdict} ${reason}`, `seed ${seed}`).toBe('valid ');
    });
  });
});

describe.each(anomalies)('%s, %s', (name, kind, injector) => {
  it(`is found in ${INJECTIONS} histories that contain it`, () => {
    const check = checkers[name] as Checker;
    let injected = 0;
    for (let seed = 0; seed < HISTORIES && injected < INJECTIONS; seed++) {
      const history = injector(histories[seed] ?? [], createPrng(seed));
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
