// Replicas that take over the records of a peer because the logs no longer reach back.

import { type Mutant, sim } from '../mutant.ts';

export const snapshots: readonly Mutant[] = [
  {
    id: 'snapshot-cut-short',
    number: 29,
    title: 'a snapshot ends with its first part, and stands for the whole',
    file: 'src/entropy/snapshot-client.ts',
    replace: 'if (!part.more) return this.#finish(copy, out);',
    with: 'if (copy.id > 0) return this.#finish(copy, out);',
    foundBy: sim,
  },
  {
    id: 'snapshot-joined-early',
    number: 29,
    title: 'the logs jump with the first part of a snapshot, before the rest is here',
    file: 'src/entropy/snapshot-client.ts',
    replace: "if (copy.after === '') copy.covers = chunk.covers;",
    with: `if (copy.after === '') copy.covers = chunk.covers;
    for (const head of copy.covers) this.#options.jump(head, out);`,
    foundBy: sim,
  },
  {
    id: 'snapshot-forgotten',
    number: 29,
    title: 'a restart in the middle of a snapshot takes what is there for the whole',
    file: 'src/entropy/snapshot-client.ts',
    replace: '    this.#copy = copy;',
    with: '    this.#copy = { ...copy, covers: [] };',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/snapshot.test.ts',
      name: 'goes on from its mark after it died in the middle',
    },
  },
  {
    id: 'copying-answers',
    number: 22,
    title: 'a replica that copies a snapshot answers as if it were whole',
    file: 'src/replica/standing.ts',
    replace: "    if (this.#return === 'none') this.#return = 'majority';",
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/snapshot.test.ts',
      name: 'serves no client while it copies, even if it has lost nothing of its own',
    },
  },
];
