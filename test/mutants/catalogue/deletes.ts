// Deletes and deadlines: deleted values must not return.

import { type FoundBy, type Mutant, sim } from '../mutant.ts';

const named = (file: string, name: string): FoundBy => ({ kind: 'test', file, name });
const FORGETTING = 'test/unit/replica/forgetting.test.ts';
const TOMBSTONES = 'test/scenario/tombstone.test.ts';
const EXPIRY = 'test/scenario/expiry.test.ts';
const DELETE = 'test/scenario/delete.test.ts';
const MODEL = 'test/property/model.property.test.ts';

export const deletes: readonly Mutant[] = [
  {
    id: 'tombstone-by-age',
    number: 28,
    title: 'a tombstone is dropped by its age',
    file: 'src/upkeep/tombstones.ts',
    replace:
      'else if (!covers(this.#cut, dot)) return this.#sweep.leap(tombstonesAfter(dot.origin));',
    with: 'else if (turn.now.monoMs < 5000) return this.#sweep.leap(tombstonesAfter(dot.origin));',
    foundBy: sim,
  },
  {
    id: 'tombstone-own-vector',
    number: 28,
    title: 'a tombstone is dropped once this replica has it',
    file: 'src/upkeep/stability.ts',
    replace: 'return meetVectors([this.#settled, this.#peers.shownCut(this.#log.shown)]);',
    with: 'return this.#log.durable;',
    foundBy: sim,
  },
  {
    id: 'tombstone-unsettled',
    number: 28,
    title:
      'a tombstone is dropped once all replicas have it, while older writes are still on the way',
    file: 'src/upkeep/stability.ts',
    replace: 'return meetVectors([this.#settled, this.#peers.shownCut(this.#log.shown)]);',
    with: 'return this.#peers.shownCut(this.#log.shown);',
    foundBy: named(FORGETTING, 'a tombstone here waits for what the others had accepted'),
  },
  {
    id: 'expiry-by-anybody',
    number: 21,
    title: 'every replica deletes expired values by its own clock',
    file: 'src/store/record-index.ts',
    replace: 'return expiryOf(record) > 0 && this.#actsFor(replicaOf(latestOf(record).origin));',
    with: 'return expiryOf(record) > 0 && (this.#actsFor(replicaOf(latestOf(record).origin)) || true);',
    foundBy: named(EXPIRY, 'a value whose deadline has passed'),
  },
  {
    id: 'expiry-stamped-now',
    number: 'own',
    title: 'the delete of an expired version removes a newer version that has not arrived yet',
    file: 'src/replica/desk/writes.ts',
    replace: 'const hlc = stampBehind(latestOf(expired), this.#nextDot);',
    with: 'const hlc = Math.max(clock.tick(turn.now.wallMs), stampBehind(latestOf(expired), this.#nextDot));',
    foundBy: named(
      EXPIRY,
      'a value whose deadline has passed is not deleted if a newer version has replaced it',
    ),
  },
  {
    id: 'range-delete-stamped-now',
    number: 'own',
    title: 'a range delete removes a newer version that has not arrived yet',
    file: 'src/replica/desk/writes.ts',
    replace: 'if (removes === undefined) return clock.tick(wallMs);',
    with: 'if (removes === undefined || removes.seq > 0) return clock.tick(wallMs);',
    foundBy: named(
      DELETE,
      'a delete of the version that was seen leaves a newer version that is not here yet, and reports it, however late the delete is',
    ),
  },
  {
    id: 'stamp-without-room-behind',
    number: 'own',
    title: 'a range delete has the same stamp as the next write',
    file: 'src/model/hlc.ts',
    replace: 'last = physical > last ? physical : last + 2 - (last % 2);',
    with: 'last = physical > last ? physical : last + 1;',
    foundBy: named(
      MODEL,
      'a stamp behind a version that was seen has room behind every stamp of a clock, and before every stamp of a writer that saw it',
    ),
  },
  {
    id: 'absence-ignored',
    number: 28,
    title: 'a record that a snapshot lacks is kept',
    file: 'src/entropy/part-merge.ts',
    replace: 'if (!isCoveredBy(record, covered)) return;',
    with: 'if (newest >= 0 || !isCoveredBy(record, covered)) return;',
    foundBy: named(
      TOMBSTONES,
      'a replica that holds what the others have forgotten is an old copy: the snapshot lacks the key, so it drops the record',
    ),
  },
  {
    id: 'absence-of-the-newer',
    number: 29,
    title: 'a record that a snapshot lacks is dropped even if it is newer than the snapshot',
    file: 'src/entropy/part-merge.ts',
    replace: 'if (!isCoveredBy(record, covered)) return;',
    with: 'if (newest < 0 && !isCoveredBy(record, covered)) return;',
    foundBy: {
      kind: 'test',
      file: 'test/unit/entropy/part-merge.test.ts',
      name: 'a record that a part of a snapshot lacks stays if the snapshot does not cover it, durable or not',
    },
  },
  {
    id: 'absence-of-the-undurable',
    number: 29,
    title: 'an entry that a copied range does not have any more is shown again',
    file: 'src/store/absence.ts',
    replace:
      "if (this.#isCopied(record) && isBehind(record, this.#shownFor(record))) return 'skipped';",
    with: "if (mutation.seq < 0) return 'skipped';",
    foundBy: {
      kind: 'test',
      file: 'test/unit/store/absence.test.ts',
      name: 'an entry that arrives while a snapshot is copied is not shown',
    },
  },
  {
    id: 'absence-above-a-tombstone',
    number: 28,
    title: 'an entry whose delete every replica has forgotten is accepted above an older tombstone',
    file: 'src/store/absence.ts',
    replace: 'return !damaged && !includes(held, record);',
    with: 'return !damaged && held === undefined;',
    foundBy: named(
      'test/unit/store/absence.test.ts',
      'an entry that arrives while a snapshot is copied is not shown above an older',
    ),
  },
  {
    id: 'snapshot-without-keys',
    number: 36,
    title: 'a snapshot contains no idempotency keys',
    file: 'src/entropy/snapshot-client.ts',
    replace: 'for (const named of chunk.named) remember(named, turn);',
    with: '',
    foundBy: named(
      'test/scenario/snapshot.test.ts',
      'a replica that lost its disk behind truncated logs recognises a retry of a write that was overwritten and truncated from every log',
    ),
  },
  {
    id: 'repair-resurrects',
    number: 28,
    title: 'a repair is merged although its record was deleted here',
    file: 'src/store/absence.ts',
    replace: 'if (this.wasDeleted(record)) this.#metrics.resurrectionsRefused++;',
    with: 'if (this.wasDeleted(record) && record.seq < 0) this.#metrics.resurrectionsRefused++;',
    foundBy: named(FORGETTING, 'after a delete was forgotten a repair does not restore the value'),
  },
  {
    id: 'old-copy-believed',
    number: 28,
    title: 'a quorum read prefers an old copy to a replica that has forgotten the delete',
    file: 'src/replica/desk/reads.ts',
    replace: `if (read.absentAt?.some((holds) => holds !== undefined && isCoveredBy(record, holds)))
      return true;`,
    with: '',
    foundBy: named(
      'test/unit/replica/desk/reads.test.ts',
      'a read of two replicas finds nothing if the other has no record, and its log reaches up to the record shown here',
    ),
  },
  {
    id: 'loss-not-told',
    number: 'own',
    title: 'an acknowledgement does not report that the entry lost to a newer version',
    file: 'src/order/delivery.ts',
    replace: "if (merged === 'lost') this.#onLost(mutation);",
    with: '',
    foundBy: named(
      'test/scenario/delete.test.ts',
      'a version that wins because its clock was ahead is named in the reply to the writer that comes later',
    ),
  },
  {
    id: 'delete-not-repeated',
    number: 'own',
    title: 'a delete that lost to an earlier write is acknowledged as if it had removed the value',
    file: 'src/quorum/put.ts',
    replace: 'if (isBeaten) this.#beaten.push(write);',
    with: 'if (isBeaten) write.superseded = undefined;\n    if (isBeaten) this.answer(write, settled, turn);',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/delete.test.ts',
      name: 'a version that wins because its clock was ahead is removed by a later delete all the same',
    },
  },
  {
    id: 'condition-looks-here-only',
    number: 'own',
    title: 'a condition is compared with the local record only, whatever r the request asks for',
    file: 'src/replica/desk/writes.ts',
    replace: "if (quorum === 'none') this.#claim(command, terms, turn);",
    with: 'if (quorum !== UNMEETABLE) this.#claim(command, terms, turn);',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/delete.test.ts',
      name: 'a condition with r=1 compares with the local record, with a larger r with what the read quorum shows',
    },
  },
];
