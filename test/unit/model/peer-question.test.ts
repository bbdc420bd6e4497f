import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { fault } from '../../../src/model/fault.ts';
import { PeerQuestion } from '../../../src/model/peer-question.ts';
import type { Reply } from '../../../src/model/reply.ts';
import { release, sent } from '../../support/outbox.ts';

const PEER = 2;
const ID = 8;
const absent: Reply = {
  kind: 'absent',
  removal: undefined,
  stalenessMs: 3,
  answers: 1,
  heldBy: undefined,
};
let turn: HostTurn;
let open: Set<PeerQuestion>;
let question: PeerQuestion;

beforeEach(() => {
  turn = new HostTurn();
  open = new Set();
  question = new PeerQuestion(PEER, ID, open);
});

const answered = (answer: object) => [
  { peer: PEER, message: { kind: 'forward-reply', id: ID, answer } },
];

describe('the reply to a question of a peer', () => {
  it('is a message of the same turn if it depends on nothing that is not durable', () => {
    turn.reply(question, absent, 0);
    expect(sent(turn)).toEqual(
      answered({ kind: 'absent', removal: undefined, stalenessMs: 3, answers: 1 }),
    );
    expect(open.size).toBe(0);
  });

  it('waits for its batch as any message does, and becomes a refusal if that takes too long', () => {
    turn.reply(question, absent, 1, 900);
    expect(sent(turn)).toEqual([]);
    expect(turn.gated).toMatchObject([
      { kind: 'message', peer: PEER, lsn: 1, late: { atMs: 900 } },
    ]);
    const [held] = turn.gated;
    const late = held?.kind === 'message' ? held.late?.message() : undefined;
    expect(late).toEqual(answered({ kind: 'refused', code: 'timeout' })[0]?.message);
    release(turn, 1);
    expect(sent(turn)).toHaveLength(1);
  });

  it('is a refusal with the code of its fault', () => {
    turn.reply(question, { kind: 'failed', fault: fault('no-quorum', 'too few') }, 0);
    expect(sent(turn)).toEqual(answered({ kind: 'refused', code: 'no-quorum' }));
  });

  it('is dropped once the connection has ended, and is sent once', () => {
    open.delete(question);
    turn.reply(question, absent, 0);
    const other = new PeerQuestion(PEER, ID, open);
    turn.reply(other, absent, 0);
    turn.reply(other, absent, 0);
    expect(sent(turn)).toHaveLength(1);
  });
});
