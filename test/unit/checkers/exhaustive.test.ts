// Every small history of one shape, judged by a fast checker and by its simple model.

import { describe, expect, it } from 'vitest';
import { fifo } from '../../checkers/fifo.ts';
import type { Operation, Outcome, Read, Scan, Write } from '../../checkers/operation.ts';
import { setFull } from '../../checkers/set-full.ts';
import { holesTwin, lostElementsTwin, staleTwin } from './twin.ts';

/** Either takes a second on an idle machine. */
const SLOW_MS = 60_000;
const OUTCOMES: readonly Outcome[] = [true, false, null];

describe('fifo', () => {
  // Four writes one after the other, the last two perhaps by another client or through another
  // replica, and one scan that shows any of those that had begun.
  it(
    'counts the same gaps as its twin in all 54,432 histories of four writes and a scan',
    () => {
      const sums = { histories: 0, holes: 0 };
      for (const outcomes of product(OUTCOMES, 4)) {
        for (const second of ['same', 'session', 'node'] as const) {
          const writes = outcomes.map((ok, at) => chainWrite(at, ok, at < 2 ? 'same' : second));
          for (const scan of scansOf(writes)) {
            const history = [...writes, scan];
            const { holes } = fifo(history, { checked: 0 }).stats;
            if (holes !== holesTwin(history)) throw new Error(JSON.stringify(history));
            sums.histories++;
            sums.holes += holes;
          }
        }
      }
      expect(sums.histories).toBe(54_432);
      expect(sums.holes).toBeGreaterThan(4000);
    },
    SLOW_MS,
  );
});

function chainWrite(at: number, ok: Outcome, whose: 'same' | 'session' | 'node'): Write {
  return {
    ...where,
    level: 'fifo',
    session: whose === 'session' ? 's1' : 's0',
    node: whose === 'node' ? 'us-1' : 'eu-1',
    key: `k${at}`,
    call_ns: 20 * at,
    return_ns: 20 * at + 10,
    ok,
    ver: null,
    type: 'put',
    value: `v${at}`,
    result: null,
  };
}

const where = { process: 1, session: 's0', node: 'eu-1', ns: 'n', key: '', ver: null } as const;

function* scansOf(writes: readonly Write[]): Generator<Scan> {
  for (let begun = 1; begun <= writes.length; begun++) {
    for (const shown of subsets(writes.slice(0, begun))) {
      const items = shown.map(({ key, value }) => ({ key, value: value ?? '', ver: 'eu-1.1.1' }));
      const times = { call_ns: 20 * begun - 15, return_ns: 20 * begun - 15 };
      const base = {
        ...where,
        ...times,
        level: 'fifo',
        ok: true,
        type: 'list',
        value: null,
      } as const;
      for (const more of [false, true]) {
        if (more && items.length === 0) continue;
        for (const after of ['', 'k1']) {
          const below = items.filter(({ key }) => after === '' || key < after).toReversed();
          const above = items.filter(({ key }) => key > after);
          yield { ...base, result: below, reverse: true, more, after };
          yield { ...base, result: above, reverse: false, more, after, final: true };
        }
      }
    }
  }
}

describe('set-full', () => {
  // One write and perhaps its retry, and two reads before, during or after.
  it(
    'finds the same as its twin in all 64,896 histories of a write and two reads',
    () => {
      const sums = { histories: 0, lost: 0, stale: 0 };
      for (const writes of writesOf()) {
        for (const first of readsOf(1)) {
          for (const second of readsOf(2)) {
            const history: Operation[] = [...writes, first, second];
            const { anomalies } = setFull(history, { replicas: 3, overlapReads: 0 });
            const [lost, stale] = [anomalies['lost'] ?? 0, anomalies['stale-overlap'] ?? 0];
            const isSame = lost === lostElementsTwin(history) && stale === staleTwin(history, 3);
            if (!isSame) throw new Error(JSON.stringify(history));
            sums.histories++;
            sums.lost += lost;
            sums.stale += stale;
          }
        }
      }
      expect(sums.histories).toBe(64_896);
      expect(sums.lost).toBeGreaterThan(1000);
      expect(sums.stale).toBeGreaterThan(1000);
    },
    SLOW_MS,
  );
});

function* writesOf(): Generator<Write[]> {
  const base = {
    ...where,
    level: 'eventual',
    key: 'k',
    type: 'put',
    value: 'v',
    result: null,
  } as const;
  for (const w of [1, 2]) {
    for (const ok of OUTCOMES) {
      const put: Write = { ...base, w, ok, call_ns: 10, return_ns: 20 };
      yield [put];
      for (const again of OUTCOMES) {
        const retry: Write = { ...put, ok: again, call_ns: 30, return_ns: 40, idem: 'i' };
        yield [{ ...put, idem: 'i' }, retry];
      }
    }
  }
}

function* readsOf(order: number): Generator<Read> {
  const base = { ...where, level: 'eventual', key: 'k', type: 'get', value: null } as const;
  for (const ns of [5, 15, 25, 35, 45, 55].slice(0, 5 + order)) {
    for (const ok of [true, null]) {
      for (const r of [1, 2]) {
        const read = { ...base, ok, r, call_ns: ns + order, return_ns: ns + order };
        if (ns > 10) yield { ...read, result: 'v' };
        yield { ...read, result: null };
        if (ns > 40) yield { ...read, result: null, final: true };
      }
    }
  }
}

function* product<T>(values: readonly T[], times: number): Generator<readonly T[]> {
  if (times === 0) yield [];
  else
    for (const rest of product(values, times - 1))
      for (const value of values) yield [...rest, value];
}

function* subsets<T>(values: readonly T[]): Generator<readonly T[]> {
  for (let mask = 0; mask < 1 << values.length; mask++) {
    yield values.filter((_, at) => ((mask >> at) & 1) === 1);
  }
}
