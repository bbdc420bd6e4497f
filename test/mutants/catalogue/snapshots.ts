// Replicas that copy the records of a peer because the logs no longer reach back.

import { type Mutant, sim } from '../mutant.ts';

export const snapshots: readonly Mutant[] = [
  {
    id: 'snapshot-cut-short',
    number: 29,
    title: 'a snapshot ends with its first part, and counts as complete',
    file: 'src/entropy/snapshot-client.ts',
    replace: 'if (!part.more) {',
    with: 'if (id > 0) {',
    foundBy: sim,
  },
  {
    id: 'snapshot-joined-early',
    number: 29,
    title: 'the first part of a snapshot moves the logs on, before the other parts have arrived',
    file: 'src/entropy/snapshot-client.ts',
    replace: "if (after === '') copy.covers = chunk.covers;",
    with: `if (after === '') copy.covers = chunk.covers;
    for (const head of copy.covers) this.#options.jump(head, turn);`,
    foundBy: sim,
  },
  {
    id: 'snapshot-forgotten',
    number: 29,
    title: 'after a restart in the middle of a copy the copied part counts as the whole snapshot',
    file: 'src/entropy/snapshot-client.ts',
    replace: '    this.#copy = copy;',
    with: '    this.#copy = { ...copy, covers: [] };',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/snapshot.test.ts',
      name: 'a replica that lost its disk behind truncated logs continues at its mark after it died in the middle',
    },
  },
  {
    id: 'copying-answers',
    number: 22,
    title: 'a replica that copies a snapshot answers as if it were complete',
    file: 'src/lag/catch-up.ts',
    replace: "    if (this.#return === 'none') this.#return = 'majority';",
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/snapshot.test.ts',
      name: 'a replica that lost its disk behind truncated logs serves no client while it copies, even if it has lost none of its own writes',
    },
  },
  {
    id: 'snapshot-gap-unnoticed',
    number: 29,
    title: 'the keys of a snapshot part that got lost count as deleted',
    file: 'src/entropy/snapshot-client.ts',
    replace: 'if (after !== copy.after) return this.#breakOff(copy);',
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/unit/entropy/snapshot.test.ts',
      name: 'the taker of a snapshot asks again from its position if a part is missing, and drops nothing because of it',
    },
  },
  {
    id: 'snapshot-window-unbounded',
    number: 41,
    title: 'a replica that copies a snapshot keeps every part that arrives',
    file: 'src/entropy/snapshot-client.ts',
    replace: 'if (this.#arrived.size >= WINDOW_PARTS) return this.#breakOff(copy);',
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/unit/entropy/snapshot.test.ts',
      name: 'the taker of a snapshot keeps no more than the window, whatever arrives',
    },
  },
  {
    id: 'copy-budget-unlimited',
    number: 'own',
    title: 'any number of snapshot copies begins within an hour',
    file: 'src/entropy/copy-budget.ts',
    replace: 'if (this.waitMs(monoMs) > 0) return false;',
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/unit/entropy/snapshot.test.ts',
      name: 'the taker of a snapshot begins no more copies in an hour than its budget allows',
    },
  },
];
