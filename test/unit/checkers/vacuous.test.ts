import { describe, expect, it } from 'vitest';
import { createPrng } from '../../../src/base/prng.ts';
import { audit } from '../../checkers/audit.ts';
import { convergence } from '../../checkers/convergence.ts';
import { fifo } from '../../checkers/fifo.ts';
import { liveness } from '../../checkers/liveness.ts';
import { isWrite, type Operation } from '../../checkers/operation.ts';
import { outcome } from '../../checkers/outcome.ts';
import { setFull } from '../../checkers/set-full.ts';
import type { Demand } from '../../checkers/verdict.ts';
import { wellFormed } from '../../checkers/well-formed.ts';
import { generate, NAMESPACES } from './generator.ts';

const history = generate(createPrng(7));
const cut = { nodes: 3, namespaces: NAMESPACES };
const verdicts = (operations: readonly Operation[], demand: Demand): readonly string[] => [
  audit(operations, { ...demand, ...cut }).verdict,
  outcome(operations, demand).verdict,
  fifo(operations, { ...demand, checked: 0 }).verdict,
  setFull(operations, { ...demand, replicas: 3, overlapReads: 0 }).verdict,
  convergence(operations, { ...demand, ...cut, keys: 0 }).verdict,
  liveness(operations, { ...demand, hungMs: 1000, returnMs: 1000 }).verdict,
  wellFormed(operations, demand).verdict,
];

describe('a run is vacuous', () => {
  it('with fewer successes than required', () => {
    expect(new Set(verdicts(history, { ok: { put: 1_000 } }))).toEqual(new Set(['vacuous']));
    expect(new Set(verdicts(history, { ok: { get: 1 } }))).toEqual(new Set(['valid']));
  });

  it('without the required faults', () => {
    const demand = { faults: { kill: 100 } };
    expect(new Set(verdicts(history, demand))).toEqual(new Set(['vacuous']));
  });

  it('without any operation', () => {
    expect(new Set(verdicts([], { ok: { put: 1 } }))).toEqual(new Set(['vacuous']));
  });

  it('without the final state of a replica, or with one that was cut short', () => {
    const lacks = history.filter(
      (operation) =>
        operation.type !== 'list' || operation.final !== true || operation.node !== 'us-1',
    );
    expect(audit(lacks, cut)).toMatchObject({ verdict: 'vacuous' });
    expect(convergence(lacks, { ...cut, keys: 0 })).toMatchObject({ verdict: 'vacuous' });
    const short = history.filter(
      (operation) => operation.type !== 'list' || operation.final !== true || operation.more,
    );
    expect(audit(short, cut)).toMatchObject({ verdict: 'vacuous' });
  });

  it('with fewer keys than required; a key that all have deleted is one', () => {
    const written = new Set(history.filter(isWrite).map(({ ns, key }) => `${ns}/${key}`));
    const shown = history.filter((each) => each.type === 'list' && each.final === true);
    expect(convergence(history, { ...cut, keys: written.size })).toMatchObject({
      verdict: 'valid',
      stats: { keys: written.size },
    });
    expect(convergence(history, { ...cut, keys: written.size + 1 }).verdict).toBe('vacuous');
    expect(convergence(shown, { ...cut, keys: written.size }).verdict).toBe('vacuous');
  });

  it('if no read looked behind a later write, overlapped, or followed a heal', () => {
    expect(fifo(history, { checked: 1e6 }).verdict).toBe('vacuous');
    expect(setFull(history, { replicas: 3, overlapReads: 1e6 }).verdict).toBe('vacuous');
    const unhealed = history.filter(({ value }) => value !== 'heal');
    expect(liveness(unhealed, { hungMs: 1000, returnMs: 1000 }).verdict).toBe('vacuous');
  });
});

describe('an impossible history', () => {
  const [first, second] = history.filter(({ type, ok }) => type === 'put' && ok === true);

  it('is refused if a process overlaps itself or runs backwards', () => {
    const twice = [first, { ...first, value: 'other' }] as Operation[];
    expect(wellFormed(twice).reason).toContain('overlapping');
    const backwards = [{ ...first, return_ns: 0, call_ns: 1 }] as Operation[];
    expect(wellFormed(backwards).reason).toContain('backwards');
  });

  it('is refused if a value is written twice', () => {
    const twice = [first, { ...second, ns: first?.ns, value: first?.value }] as Operation[];
    expect(wellFormed(twice).reason).toContain('repeated');
  });
});
