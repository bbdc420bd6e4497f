// Tables on disk that differ from what the mark says, and records that only memory had.

import { type FoundBy, type Mutant, sim } from '../mutant.ts';

const named = (file: string, name: string): FoundBy => ({ kind: 'test', file, name });

export const checkpoints: readonly Mutant[] = [
  {
    id: 'mark-before-its-pieces',
    number: 'own',
    title: 'the mark of a checkpoint is written with its first piece',
    file: 'src/store/checkpoint.ts',
    replace: 'if (writing.leaves.length === 0) this.#finish(writing, turn);',
    with: 'this.#finish(writing, turn);',
    foundBy: sim,
  },
  {
    id: 'mark-of-its-end',
    number: 'own',
    title: 'the mark of a checkpoint includes entries that were logged while it was written',
    file: 'src/store/checkpoint.ts',
    replace: 'log.mark(heads, turn);',
    with: 'log.mark(heads.length > 0 ? log.headsBehindMark() : heads, turn);',
    foundBy: sim,
  },
  {
    id: 'clean-before-durable',
    number: 'own',
    title: 'a record is read from storage before the batch that writes it is durable',
    file: 'src/store/table.ts',
    in: 'writeLeaf',
    replace: 'this.#tree.writeLeaf(leaf, out);',
    with: 'this.cells.dirty.onDurable(out.lsn);\n    this.#tree.writeLeaf(leaf, out);',
    foundBy: sim,
  },
  {
    id: 'durable-too-old',
    number: 'own',
    title:
      'when a record changes twice, reads do not show the version that became durable in between',
    file: 'src/store/cells.ts',
    replace: 'const shown = before.lsn === out.lsn ? (before as Change).before : before;',
    with: 'const shown = this.isDurable(before) ? before : (before as Change).before;',
    foundBy: named(
      'test/unit/store/cells.test.ts',
      'cells remember for each batch what was shown before it, while several are under way',
    ),
  },
  {
    id: 'replayed-not-durable',
    number: 'own',
    title:
      'until its first commit, a restarted replica shows the stored records without the replayed entries',
    file: 'src/store/recovery.ts',
    replace: 'this.#replay.end();',
    with: '',
    foundBy: named(
      'test/unit/store/checkpoint.test.ts',
      'a start shows what it has replayed as durable, before its first commit',
    ),
  },
  {
    id: 'repair-in-memory-only',
    number: 'own',
    title: 'a record that arrived without a log entry is not written before the next checkpoint',
    file: 'src/store/table.ts',
    in: 'admit',
    replace: 'this.store(record, out);',
    with: '',
    foundBy: sim,
  },
  {
    id: 'leaves-behind-unsaid',
    number: 51,
    title:
      'after a crash in the middle of a copy, the hash tree is trusted although it lacks records',
    file: 'src/store/table.ts',
    replace: 'this.#tree.onLeavesBehind(out);',
    with: '',
    foundBy: named(
      'test/unit/store/tree.test.ts',
      'the stored tree while a snapshot is copied is in doubt, as records come without their leaves',
    ),
  },
  {
    id: 'copy-leaves-dirty',
    number: 'own',
    title: 'a snapshot copy ignores a delete that only the log has',
    file: 'src/entropy/part-merge.ts',
    replace: 'table.store(name, turn);',
    with: '',
    foundBy: named(
      'test/unit/entropy/resync.test.ts',
      'a copy stores what only the logs had before its range counts as copied',
    ),
  },
  {
    id: 'truncated-behind-the-mark',
    number: 'own',
    title: 'a log is truncated although the table on disk still needs its entries',
    file: 'src/upkeep/truncation.ts',
    replace: 'const floor = Math.min(upTo, lane.marked.received);',
    with: 'const floor = upTo;',
    foundBy: sim,
  },
  {
    id: 'forgotten-before-the-mark',
    number: 'own',
    title: 'a tombstone is dropped while a replay can still bring an older put back',
    file: 'src/upkeep/tombstones.ts',
    replace: 'return meetVectors([this.#covered, cut]);',
    with: 'return cut;',
    foundBy: named(
      'test/unit/upkeep/tombstones.test.ts',
      'a tombstone stays until a checkpoint covers what was received',
    ),
  },
  {
    id: 'copy-ends-before-the-mark',
    number: 'own',
    title: 'a snapshot copy ends while a replay can still bring back what the copy has removed',
    file: 'src/entropy/snapshot-client.ts',
    replace: 'if (this.#options.checkpoint.covers(copy.step.ticket)) this.#finish(copy, turn);',
    with: 'this.#finish(copy, turn);',
    foundBy: named(
      'test/unit/entropy/snapshot.test.ts',
      'the taker of a snapshot ends the copy once a checkpoint covers what was received until the last sweep',
    ),
  },
  {
    id: 'tip-not-compared',
    number: 16,
    title: 'a start does not notice that the end of a log is missing',
    file: 'src/store/recovery.ts',
    replace: 'const tip = this.#tips.get(origin) ?? state;',
    with: 'const tip = state;',
    foundBy: named(
      'test/unit/store/recovery.test.ts',
      'a start over damage halts if the last entries behind the mark are missing',
    ),
  },
];
