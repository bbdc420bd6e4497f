// A frozen tree compared with a simple model: at its cut it is the sum of what all entries up to
// the cut merge to, in whatever order they arrived, and whatever was repaired, deleted, forgotten,
// committed and written beyond the cut meanwhile.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Cut } from '../../src/entropy/tree-cut.ts';
import { latestOf, type Mutation, recordOf } from '../../src/model/record.ts';
import { merge } from '../../src/conflict/merge.ts';
import { compareVersions } from '../../src/conflict/version-order.ts';
import { covers } from '../../src/model/vector.ts';
import { key, mutation, namespace, origin } from '../support/build.ts';
import { isSameLeaves, leavesOf, TreeRoom } from '../support/tree-room.ts';

const NS = namespace('ns');
const ORIGINS = ['ap-1.1', 'eu-1.1', 'us-1.1'].map(origin);
const COUNT = 14;

const anyLog = fc.array(
  fc.record({ name: fc.nat(4), stepMs: fc.integer({ min: 1, max: 6 }), isDelete: fc.boolean() }),
  { minLength: COUNT, maxLength: COUNT },
);
const anyOf = fc.nat(ORIGINS.length - 1);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('deliver' as const), of: anyOf }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('repair' as const),
      of: anyOf,
      ahead: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('forget' as const), name: fc.nat(4) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('commit' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('freeze' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('join' as const),
      beyond: fc.tuple(fc.nat(4), fc.nat(4), fc.nat(4)),
    }),
  },
);

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

class Scene {
  readonly #room: TreeRoom;
  readonly #logs: readonly (readonly Mutation[])[];
  readonly #cuts: Cut[] = [];
  /** Cuts that were compared, and those at which the replica held more than the cut covers. */
  known = 0;
  beyond = 0;

  constructor(logs: readonly (readonly Mutation[])[], cacheBytes: number) {
    this.#room = new TreeRoom({ cacheBytes });
    this.#logs = logs;
  }

  take(each: Step): void {
    const { out, absence, table } = this.#room;
    if (each.kind === 'deliver') this.#deliver(each.of);
    else if (each.kind === 'commit') this.#room.commit();
    else if (each.kind === 'freeze') this.#cuts.push(this.#room.freeze());
    else if (each.kind === 'join') this.#join(each.beyond);
    else if (each.kind === 'repair') {
      const entry = this.#logs[each.of]?.[this.#head(each.of) + each.ahead - 1];
      if (entry !== undefined) absence.admit(recordOf(entry), out);
    } else {
      const { record } = table.read(NS, key(`k${each.name}`));
      if (record !== undefined && this.#maybeForgotten(latestOf(record)))
        table.drop(record, latestOf(record).hlc, out);
    }
    this.judge();
  }

  finish(): void {
    for (let of = 0; of < ORIGINS.length; of++) while (this.#deliver(of)) this.judge();
    this.#room.commit();
    this.judge();
    for (const cut of this.#cuts) expect(cut.advance()).toBe('known');
  }

  judge(): void {
    const { log } = this.#room;
    for (const cut of this.#cuts) {
      if (cut.advance() !== 'known') continue;
      const covered = this.#logs.flat().filter((entry) => covers(cut.vector, entry));
      expect(covered.every((entry) => covers(log.durable, entry))).toBe(true);
      expect(isSameLeaves(cut.leaves, leavesOf(covered, merge))).toBe(true);
      this.known++;
      if (covered.length < this.#logs.flat().filter((entry) => covers(log.durable, entry)).length)
        this.beyond++;
    }
  }

  #head(of: number): number {
    return this.#room.log.received(ORIGINS[of] as (typeof ORIGINS)[number]);
  }

  #deliver(of: number): boolean {
    const entry = this.#logs[of]?.[this.#head(of)];
    if (entry !== undefined) this.#room.deliver(entry);
    return entry !== undefined;
  }

  /** The peer has more entries, or fewer. */
  #join(beyond: readonly number[]): void {
    const vector = ORIGINS.map(
      (of, n) => [of, Math.min(COUNT, this.#head(n) + (beyond[n] ?? 0) - 1)] as const,
    );
    for (const cut of this.#cuts) if (!cut.isFixed) cut.join(vector.filter(([, seq]) => seq > 0));
  }

  /** No older entry is still on its way, and its own entry has arrived. */
  #maybeForgotten(record: Mutation): boolean {
    if (record.operation !== 'delete' || !covers(this.#room.log.durable, record)) return false;
    return this.#logs
      .flat()
      .filter((entry) => !covers(this.#room.log.durable, entry))
      .every((entry) => entry.key !== record.key || compareVersions(entry, record) > 0);
  }
}

function logOf(of: (typeof ORIGINS)[number], drawn: readonly Drawn[]): Mutation[] {
  let hlc = 0;
  let chain = 0;
  return drawn.map(({ name, stepMs, isDelete }, at) => {
    hlc += stepMs;
    const operation = isDelete ? 'delete' : 'put';
    const fields = { origin: of, seq: at + 1, hlc, namespace: NS, key: key(`k${name}`), operation };
    const entry = mutation({ ...fields, operation: fields.operation as 'put' | 'delete' }, chain);
    ({ chain } = entry);
    return entry;
  });
}

interface Drawn {
  readonly name: number;
  readonly stepMs: number;
  readonly isDelete: boolean;
}

describe('a frozen tree', () => {
  it('equals, at its cut, the merge of all entries up to the cut', () => {
    let known = 0;
    let beyond = 0;
    fc.assert(
      fc.property(
        fc.tuple(anyLog, anyLog, anyLog),
        fc.array(step, { minLength: 20, maxLength: 80 }),
        fc.constantFrom(1, 1e6),
        (drawn, steps, cacheBytes) => {
          const logs = drawn.map((each, n) => logOf(ORIGINS[n] ?? origin('x-1.1'), each));
          const scene = new Scene(logs, cacheBytes);
          for (const each of steps) scene.take(each);
          scene.finish();
          known += scene.known;
          beyond += scene.beyond;
        },
      ),
      { numRuns: 150 },
    );
    expect(known).toBeGreaterThan(500);
    expect(beyond).toBeGreaterThan(200);
  });
});
