// A replica stepped by hand that claims keys of two peers, which lend them, lend no more, or say nothing.

import { beforeEach, describe, expect, it } from 'vitest';
import type { Reply } from '../../../src/model/command.ts';
import type { Claim, ClaimReply } from '../../../src/model/message.ts';
import { putOf, shown } from '../../cluster/cluster.ts';
import { Solo } from '../../support/solo.ts';

const REGIONS = ['eu', 'us', 'zz'];
const [US, ZZ] = [1, 2];
const PATIENCE_MS = 600_000;

let solo: Solo;
let told: Reply[];

beforeEach(() => {
  const settings = { heartbeatMs: PATIENCE_MS, peerTimeoutMs: PATIENCE_MS };
  solo = new Solo({ regions: REGIONS, settings });
  // So long a start waits for peers to compare its clock with.
  solo.now.monoMs += 100 * PATIENCE_MS;
  solo.step({ kind: 'tick' });
  solo.greet(US, 'us-1.1');
  solo.greet(ZZ, 'zz-1.1');
  solo.sent();
  told = [];
});

function put(timeoutMs: number): void {
  const idempotency = { key: 'order-7', digest: 1 };
  const command = putOf('a', 'one', { w: 'majority', timeoutMs, idempotency });
  const client = { onReply: (reply: Reply) => void told.push(reply) };
  solo.step({ kind: 'command', command: { ...command, client } as never });
}

/** What was said of keys since the last look. */
function claims(): { readonly peer: number; readonly message: Claim }[] {
  return solo
    .sent()
    .flatMap(({ peer, message }) => (message.kind === 'claim' ? [{ peer, message }] : []));
}

function answer(what: ClaimReply['answer']): void {
  for (const { peer, message } of claims()) {
    const { id } = message;
    solo.message(peer, { kind: 'claim-reply', id, answer: what, named: undefined });
  }
}

/** Lets time pass, from one timer to the next; says how often one was due. */
function pass(untilMs: number): number {
  let ticks = 0;
  for (; solo.replica.timers.nextMs <= untilMs; ticks++) {
    solo.now.monoMs = Math.max(solo.now.monoMs, solo.replica.timers.nextMs);
    solo.step({ kind: 'tick' });
    if (ticks > 1000) break;
  }
  return ticks;
}

describe('a claim', () => {
  it('that nobody answers is made again now and then, and is late at its deadline', () => {
    const startMs = solo.now.monoMs;
    put(30_000);
    expect(pass(startMs + 29_999)).toBeLessThan(20);
    const steps = claims().map(({ message }) => message.step);
    expect(steps.filter((step) => step === 'ask').length).toBeGreaterThan(8);
    expect(steps.length).toBeLessThan(30);
    expect(told).toEqual([]);
    pass(startMs + 30_000);
    expect(told.map(shown)).toEqual(['timeout']);
  });

  it('that is answered after a pause ends in a write', () => {
    const startMs = solo.now.monoMs;
    put(30_000);
    pass(startMs + 7000);
    answer('lent');
    expect(solo.replica.metrics.writes).toBe(1);
  });

  it('of members that lend no more is told so', () => {
    put(30_000);
    answer('full');
    expect(told.map(shown)).toEqual(['overloaded']);
    expect(solo.replica.metrics.writes).toBe(0);
  });

  it('behind a write under the same key leaves that with what was lent', () => {
    put(30_000);
    put(30_000);
    answer('lent');
    expect(solo.replica.metrics.writes).toBe(1);
    expect(claims()).toEqual([]);
  });
});

describe('a lender', () => {
  const asks = (peer: number, id: number): ClaimReply['answer'] | undefined => {
    const { namespace } = putOf('a', 'one') as { namespace: Claim['namespace'] };
    solo.message(peer, { kind: 'claim', id, step: 'ask', namespace, key: `order-${id}` });
    return solo
      .sent()
      .flatMap(({ message }) => (message.kind === 'claim-reply' ? [message.answer] : []))[0];
  };

  it('lends a key to one at a time', () => {
    expect(asks(US, 1)).toBe('lent');
    expect(asks(ZZ, 1)).toBe('taken');
  });
});
