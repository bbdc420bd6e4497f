import { beforeEach, describe, expect, it } from 'vitest';
import { Gate } from '../../../src/host/gate.ts';
import type { Reply } from '../../../src/model/command.ts';

let gate: Gate;
let given: string[];

beforeEach(() => {
  gate = new Gate();
  given = [];
});

function pass(name: string, lsn: number, stalenessMs: number | 'unknown' = 0): void {
  const client = {
    onReply: (reply: Reply) =>
      void given.push(
        reply.kind === 'failed' ? `${name} ${reply.fault.code}` : spoken(name, reply),
      ),
  };
  gate.pass(
    { client, reply: { kind: 'absent', stalenessMs, answers: 1, heldBy: undefined }, lsn },
    100,
  );
}

function spoken(name: string, reply: Reply): string {
  const isStale = reply.kind === 'absent' && typeof reply.stalenessMs === 'number';
  return isStale && reply.stalenessMs !== 0 ? `${name} ${reply.stalenessMs} ms` : name;
}

describe('a gate', () => {
  it('lets go at once what depends on nothing, or on what is durable', () => {
    pass('a', 0);
    gate.open(3, 100);
    pass('b', 3);
    expect(given).toEqual(['a', 'b']);
  });

  it('holds what depends on a batch until that is durable, in order', () => {
    for (const [name, lsn] of [
      ['a', 1],
      ['b', 2],
      ['c', 2],
      ['d', 3],
    ] as const)
      pass(name, lsn);
    pass('free', 0);
    expect(given).toEqual(['free']);
    expect(gate.waiting).toBe(4);
    gate.open(2, 100);
    expect(given).toEqual(['free', 'a', 'b', 'c']);
    gate.open(3, 100);
    expect(given.at(-1)).toBe('d');
    expect(gate.waiting).toBe(0);
  });

  it('makes what it held as much staler as it held it', () => {
    pass('bounded', 1, 20);
    pass('unbounded', 1, 'unknown');
    gate.open(1, 130);
    pass('later', 1, 20);
    expect(given).toEqual(['bounded 50 ms', 'unbounded', 'later 20 ms']);
  });

  it('fails what it holds when the storage fails, and nothing twice', () => {
    pass('a', 1);
    gate.open(1, 100);
    pass('b', 2);
    gate.failAll();
    gate.failAll();
    gate.open(2, 100);
    expect(given).toEqual(['a', 'b storage-failed']);
  });
});
