import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import type { ReadCommand, Reply } from '../../../src/model/command.ts';
import { type Fault, fault } from '../../../src/model/fault.ts';
import type { Namespace } from '../../../src/model/namespaces.ts';
import { type Terms, UNMEETABLE } from '../../../src/model/terms.ts';
import { Looks } from '../../../src/quorum/looks.ts';
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
let reads: ReadCommand[];
let termsOfReads: Terms[];
/** Writes that went on: their names, and why what they asked could not be read. */
let resumed: [name: string, code: Fault['code'] | undefined][];

beforeEach(() => {
  turn = new HostTurn();
  reads = [];
  termsOfReads = [];
  resumed = [];
  looks = new Looks((command, terms) => {
    reads.push(command);
    termsOfReads.push(terms);
  }, turn.timers);
});

const asked = (name: string) => {
  return { namespace: namespace('ns'), key: key(name), r: 2 };
};

/** A write looks at keys. */
function look(name: string, ...keys: string[]): void {
  looks.begin(keys.map(asked), TERMS, (why) => void resumed.push([name, why?.code]), turn);
}

/** The host hands the reply to the read's client, between two steps. */
function answer(n: number, reply: Reply = absent): void {
  const { client } = reads[n] as ReadCommand;
  if (!('onReply' in client)) throw new Error('a look is a client');
  client.onReply(reply);
}

describe('a write that looks first', () => {
  it('reads each key as a client would, and is not forwarded', () => {
    look('one', 'a', 'b');
    expect(reads).toMatchObject(
      ['a', 'b'].map((name) => ({ kind: 'read', onUnmet: 'fail', ...asked(name) })),
    );
    expect(termsOfReads).toEqual([TERMS, TERMS]);
  });

  it('continues when all is answered, with the next tick, which is due at once', () => {
    look('one', 'a', 'b');
    answer(1);
    expect(turn.timers.nextMs).toBe(Number.POSITIVE_INFINITY);
    answer(0);
    expect([resumed, turn.timers.nextMs, looks.waiting]).toEqual([[], 0, 1]);
    looks.onDue(turn);
    expect([resumed, looks.waiting]).toEqual([[['one', undefined]], 0]);
  });

  it('continues when all is answered, even if one failed, with the reason of the first failure', () => {
    look('one', 'a', 'b', 'c');
    answer(0, failed('timeout'));
    looks.onDue(turn);
    expect(resumed).toEqual([]);
    answer(1, failed('no-quorum'));
    answer(2);
    looks.onDue(turn);
    expect(resumed).toEqual([['one', 'timeout']]);
  });

  it('continues once', () => {
    look('one', 'a');
    answer(0);
    looks.onDue(turn);
    answer(0);
    looks.onDue(turn);
    expect(resumed).toHaveLength(1);
  });

  it('continue in the order in which the answers came', () => {
    look('one', 'a');
    look('two', 'b');
    answer(1);
    answer(0);
    looks.onDue(turn);
    expect(resumed.map(([name]) => name)).toEqual(['two', 'one']);
  });

  it('leaves reads that end meanwhile to the next tick', () => {
    look('one', 'a');
    looks.begin([asked('b')], TERMS, () => answer(2), turn);
    look('three', 'c');
    answer(1);
    looks.onDue(turn);
    expect(resumed).toEqual([]);
    looks.onDue(turn);
    expect(resumed).toEqual([['three', undefined]]);
  });
});

describe('a replica that stops', () => {
  it('fails what is still looking, and what has just looked, once', () => {
    look('one', 'a');
    look('two', 'b');
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
    looks.onDue(turn);
    expect(resumed).toHaveLength(2);
  });
});
