// Tables on disk that are not what the mark says, and records that only memory had.

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
    title: 'the mark of a checkpoint covers what was logged while it was written',
    file: 'src/store/checkpoint.ts',
    replace: 'log.mark(heads, turn);',
    with: 'log.mark(heads.length > 0 ? log.headsBehindMark() : heads, turn);',
    foundBy: sim,
  },
  {
    id: 'clean-before-durable',
    number: 'own',
    title: 'a record that a batch writes is read from storage before the batch is durable',
    file: 'src/store/table.ts',
    in: 'writeLeaf',
    replace: 'this.#tree.writeLeaf(leaf, out);',
    with: 'this.cells.dirty.onDurable(out.lsn);\n    this.#tree.writeLeaf(leaf, out);',
    foundBy: sim,
  },
  {
    id: 'durable-too-old',
    number: 'own',
    title: 'of a record that changes twice, what was durable in between is not shown',
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
    title: 'until its first commit a start shows what was stored before what it has replayed',
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
    title: 'a record that came without a log entry waits for the next checkpoint',
    file: 'src/store/table.ts',
    in: 'admit',
    replace: 'this.store(record, out);',
    with: '',
    foundBy: sim,
  },
  {
    id: 'leaves-behind-unsaid',
    number: 51,
    title: 'a crash in the middle of a copy leaves a trusted tree without its records',
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
    title: 'a delete that only the log has is taken for undone by a copy',
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
    title: 'a log is cut where the table on disk still needs it',
    file: 'src/upkeep/truncation.ts',
    replace: 'const floor = Math.min(upTo, lane.marked.received);',
    with: 'const floor = upTo;',
    foundBy: sim,
  },
  {
    id: 'forgotten-before-the-mark',
    number: 'own',
    title: 'a tombstone is dropped while a replay can bring an older put back',
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
    title: 'a copy ends while a replay can bring back what it has shown to be deleted',
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
    title: 'a start does not miss the end of a log',
    file: 'src/store/recovery.ts',
    replace: 'const tip = this.#tips.get(origin) ?? state;',
    with: 'const tip = state;',
    foundBy: named(
      'test/unit/store/recovery.test.ts',
      'a start over damage halts if the last entries behind the mark are missing',
    ),
  },
];
