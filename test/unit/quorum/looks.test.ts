import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import type { ReadCommand } from '../../../src/model/command.ts';
import type { Asker } from '../../../src/model/effect.ts';
import { type Fault, fault } from '../../../src/model/fault.ts';
import type { Namespace } from '../../../src/model/namespaces.ts';
import type { Reply } from '../../../src/model/reply.ts';
import { type Terms, UNMEETABLE } from '../../../src/model/terms.ts';
import { Looks } from '../../../src/quorum/looks.ts';
import { answerParts } from '../../support/outbox.ts';
import { key, membersOf, namespace, namespacesOf } from '../../support/build.ts';

const TERMS: Terms = {
  namespace: namespacesOf(membersOf(['eu', 'us']), { ns: {} }).find(namespace('ns')) as Namespace,
  quorum: UNMEETABLE,
  deadlineMs: 50,
};
const absent: Reply = {
  kind: 'absent',
  removal: undefined,
  stalenessMs: 0,
  answers: 1,
  heldBy: undefined,
};
const failed = (code: 'timeout' | 'no-quorum'): Reply => {
  return { kind: 'failed', fault: fault(code, 'why') };
};

let turn: HostTurn;
let looks: Looks;
let reads: ReadCommand<Asker>[];
let termsOfReads: Terms[];
/** Writes that continued: their names, and why their question could not be answered. */
let resumed: [name: string, code: Fault['code'] | undefined][];

beforeEach(() => {
  turn = new HostTurn();
  reads = [];
  termsOfReads = [];
  resumed = [];
  looks = new Looks((command, terms) => {
    reads.push(command);
    termsOfReads.push(terms);
  });
});

const asked = (name: string) => {
  return { namespace: namespace('ns'), key: key(name), r: 2 };
};

/** A write asks about keys. */
function look(name: string, ...keys: string[]): void {
  looks.begin(keys.map(asked), TERMS, (why) => void resumed.push([name, why?.code]), turn);
}

/** The read is answered: the look gets the reply in a step of its own. */
function answer(n: number, reply: Reply = absent): void {
  turn.reply((reads[n] as ReadCommand<Asker>).client, reply, 0);
  answerParts(turn);
}

describe('a write that looks first', () => {
  it('reads each key as a client would, and is not forwarded', () => {
    look('one', 'a', 'b');
    expect(reads).toMatchObject(
      ['a', 'b'].map((name) => ({ kind: 'read', onUnmet: 'fail', ...asked(name) })),
    );
    expect(termsOfReads).toEqual([TERMS, TERMS]);
  });

  it('continues with the last answer', () => {
    look('one', 'a', 'b');
    answer(1);
    expect([resumed, looks.waiting]).toEqual([[], 1]);
    answer(0);
    expect([resumed, looks.waiting]).toEqual([[['one', undefined]], 0]);
  });

  it('continues when all is answered, even if one failed, with the reason of the first failure', () => {
    look('one', 'a', 'b', 'c');
    answer(0, failed('timeout'));
    expect(resumed).toEqual([]);
    answer(1, failed('no-quorum'));
    answer(2);
    expect(resumed).toEqual([['one', 'timeout']]);
  });

  it('is answered once by each read', () => {
    look('one', 'a');
    answer(0);
    expect(() => answer(0)).toThrow('answers once');
    expect(resumed).toHaveLength(1);
  });

  it('continue in the order in which the answers came', () => {
    look('one', 'a');
    look('two', 'b');
    answer(1);
    answer(0);
    expect(resumed.map(([name]) => name)).toEqual(['two', 'one']);
  });
});

describe('a replica that stops', () => {
  it('fails what is still looking, once', () => {
    look('one', 'a', 'b');
    look('two', 'c');
    answer(0);
    looks.failAll(fault('draining', 'why'), turn);
    expect([resumed, looks.waiting]).toEqual([
      [
        ['one', 'draining'],
        ['two', 'draining'],
      ],
      0,
    ]);
    answer(1);
    answer(2);
    expect(resumed).toHaveLength(2);
  });
});
