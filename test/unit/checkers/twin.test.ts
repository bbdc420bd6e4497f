import { describe, expect, it } from 'vitest';
import { createPrng, type Prng } from '../../../src/base/prng.ts';
import { audit } from '../../checkers/audit.ts';
import { fifo } from '../../checkers/fifo.ts';
import type { Operation } from '../../checkers/operation.ts';
import { setFull } from '../../checkers/set-full.ts';
import * as inject from './anomalies.ts';
import { generate, NAMESPACES, NODES } from './generator.ts';
import { holesTwin, lostTwin, refusedTwin, staleTwin } from './twin.ts';

const HISTORIES = 150;
const injectors = Object.values(inject);

describe('the fast checkers and their plain twins', () => {
  it(`count the same anomalies in ${HISTORIES} histories, legal and illegal`, () => {
    const sums = { lost: 0, refused: 0, holes: 0, stale: 0 };
    for (let seed = 0; seed < HISTORIES; seed++) {
      const history = someHistory(createPrng(seed));
      const { stats } = audit(history, { nodes: 3, namespaces: NAMESPACES });
      const counts = {
        lost: stats.lost,
        refused: stats.refusedPresent,
        holes: fifo(history, { checked: 0 }).stats.holes,
        stale: staleOverlaps(history),
      };
      expect(counts, `seed ${seed}`).toEqual({
        lost: lostTwin(history, NODES),
        refused: refusedTwin(history, NODES),
        holes: holesTwin(history),
        stale: staleTwin(history, 3),
      });
      sums.lost += counts.lost;
      sums.refused += counts.refused;
      sums.holes += counts.holes;
      sums.stale += counts.stale;
    }
    for (const sum of Object.values(sums)) expect(sum).toBeGreaterThan(0);
  });
});

function staleOverlaps(history: readonly Operation[]): number {
  return setFull(history, { replicas: 3, overlapReads: 0 }).anomalies['stale-overlap'] ?? 0;
}

/** A short legal history, or one with up to three anomalies. */
function someHistory(prng: Prng): readonly Operation[] {
  let history: readonly Operation[] = generate(prng, 40);
  for (let count = prng.below(4); count > 0; count--) {
    const injector = injectors[prng.below(injectors.length)];
    history = injector?.(history, prng) ?? history;
  }
  return history;
}
