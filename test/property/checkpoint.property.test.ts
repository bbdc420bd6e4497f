// The bound on dirty bytes, under any writers: a store whose commits may take any time.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { key, namespace } from '../support/build.ts';
import { MachineRoom, ownOrigin } from '../support/machine-room.ts';

const OWN = ownOrigin(1);
const NS = namespace('ns');
const BYTES = 40_000;
const KEYS = 600;
const LEAF_BYTES = 32;
const settings = { checkpointBytes: BYTES, checkpointEntries: 1e9, checkpointMs: 1e9 };

/** The entries of one commit: many small values, a few huge ones, or one key repeatedly. */
const commit = fc.oneof(
  fc.array(fc.record({ at: fc.nat(KEYS - 1), size: fc.nat(200) }), { maxLength: 120 }),
  fc.array(fc.record({ at: fc.nat(KEYS - 1), size: fc.nat(60_000) }), { maxLength: 4 }),
  fc.array(fc.record({ at: fc.constant(7), size: fc.nat(3000) }), { maxLength: 40 }),
);

describe('dirty records', () => {
  it('are bounded by the limit of a checkpoint and what three commits log', () => {
    fc.assert(
      fc.property(fc.array(commit, { minLength: 1, maxLength: 80 }), (commits) => {
        const room = new MachineRoom({ settings });
        const { checkpoint, log, table } = room.core;
        let loggedMax = 0;
        for (const writes of commits) {
          const before = log.loggedBytes;
          for (const { at, size } of writes)
            room.deliver(
              room.next(OWN, { namespace: NS, key: key(`k${at}`), value: new Uint8Array(size) }),
            );
          loggedMax = Math.max(loggedMax, log.loggedBytes - before);
          expect(table.cells.dirty.bytes).toBeLessThanOrEqual(
            BYTES + 3 * loggedMax + KEYS * LEAF_BYTES,
          );
          room.commit();
          checkpoint.onDurable(room.turn);
        }
        // Writers pause, and the rest is written.
        checkpoint.request(room.turn);
        for (let pieces = 0; pieces < 1000 && !checkpoint.isComplete; pieces++) room.commit();
        const { size, bytes } = table.cells.dirty;
        expect([size, bytes, log.entriesBehindMark()]).toEqual([0, 0, 0]);
      }),
    );
  });
});
