// Requests that are answered without what their session has written or seen.

import { type Mutant, sim } from '../mutant.ts';

const SESSION = 'test/scenario/session.test.ts';

export const sessions: readonly Mutant[] = [
  {
    id: 'session-ignored',
    number: 18,
    title: 'a replica that is behind the session answers anyway',
    file: 'src/replica/admission/session-gate.ts',
    replace: 'if (session === undefined || lacking === undefined) return ADMIT;',
    with: 'if (session === undefined || lacking === undefined || session.size > 0) return ADMIT;',
    foundBy: sim,
  },
  {
    id: 'session-ignored-by-writes',
    number: 'own',
    title: 'a write does not wait for what its session has seen',
    file: 'src/replica/admission/gates.ts',
    replace: "gate('session', 'arrival', OF_CLIENTS, sessionGate(options))",
    with: "gate('session', 'arrival', READS, sessionGate(options))",
    foundBy: {
      kind: 'test',
      file: SESSION,
      name: 'a session in the namespace ns is refused at its deadline if the write does not come',
    },
  },
  {
    id: 'session-forgets-early',
    number: 'own',
    title: 'a session forgets an entry that only a majority shows',
    file: 'src/peers/peers.ts',
    in: 'isShownByAll',
    replace: '.every(',
    with: '.some(',
    foundBy: sim,
  },
  {
    id: 'session-list-not-durable',
    number: 'own',
    title: 'a list, which shows what is durable, is admitted by what is applied',
    file: 'src/replica/admission/session-gate.ts',
    replace: "command.kind === 'list' ?",
    with: "command.kind !== 'list' ?",
    foundBy: {
      kind: 'test',
      file: SESSION,
      name: 'a session in the namespace ns does not go back behind a page of a list, and what the page left out',
    },
  },
  {
    id: 'session-without-deletes',
    number: 'own',
    title: 'a read that finds nothing does not add the delete to the session',
    file: 'src/replica/desk/reads.ts',
    in: 'removalOf',
    replace: 'undefined ? undefined : latestOf(record)',
    with: 'undefined ? undefined : latestOf(record) && undefined',
    foundBy: {
      kind: 'test',
      file: SESSION,
      name: 'a session in the namespace ns does not go back behind a delete that it has seen',
    },
  },
  {
    id: 'session-without-writes',
    number: 'own',
    title: 'the session does not remember its own writes',
    file: 'src/model/session.ts',
    replace: "if (reply.kind === 'written') return [reply.dot];",
    with: "if (reply.kind === 'written') return [];",
    foundBy: sim,
  },
  {
    id: 'session-without-refusals',
    number: 'own',
    title: 'a session does not remember the version because of which its write was refused',
    file: 'src/model/session.ts',
    replace: 'return reply.fault.seen ?? [];',
    with: 'return [];',
    foundBy: {
      kind: 'test',
      file: SESSION,
      name: 'a session in the namespace ns does not go back behind what a refused write has found',
    },
  },
  {
    id: 'session-waits-for-the-lost',
    number: 'own',
    title: 'a session that has seen a lost write waits until its deadline',
    file: 'src/consistency/sessions.ts',
    in: 'isLost',
    replace: 'greeted && !covers(holds, dot)',
    with: 'greeted && covers(holds, dot)',
    foundBy: {
      kind: 'test',
      file: SESSION,
      name: 'a session in the namespace ns is refused for good if what it has seen is lost with its only disk',
    },
  },
  {
    id: 'session-lost-too-early',
    number: 'own',
    title: 'a write is declared lost although a member that may hold it cannot be asked',
    file: 'src/consistency/sessions.ts',
    in: 'isLost',
    replace: 'greeted && !covers(holds, dot)',
    with: '!covers(holds, dot)',
    foundBy: {
      kind: 'test',
      file: 'test/unit/consistency/sessions.test.ts',
      name: 'an entry is lost unless a member cannot be asked',
    },
  },
];
