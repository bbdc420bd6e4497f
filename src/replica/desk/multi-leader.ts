// The desk of `fifo` and `eventual` namespaces. Every replica accepts writes by itself, in a lane
// of its own, and answers once the replicas of the quorum hold them (writes.ts). Reads (reads.ts)
// and lists (lists.ts) compare replicas.

import type { LevelDesk } from './desk.ts';
import type { ListDesk } from './lists.ts';
import type { Reads } from './reads.ts';
import type { Writes } from './writes.ts';

export interface MultiLeaderParts {
  readonly reads: Reads;
  readonly writes: Writes;
  readonly lists: ListDesk;
}

export function multiLeader({ reads, writes, lists }: MultiLeaderParts): LevelDesk {
  return {
    write: (command, terms, turn) => writes.begin(command, terms, turn),
    read: (command, terms, turn) => reads.begin(command, terms, turn),
    list: (command, terms, turn) => lists.begin(command, terms, turn),
    explain: (command, terms, turn) => reads.explain(command, terms, turn),
  };
}
