import { beforeEach, describe, expect, it } from 'vitest';
import { HandOver } from '../../../src/host/hand-over.ts';
import { fault } from '../../../src/model/fault.ts';
import { createMetrics, type Metrics } from '../../../src/model/metrics.ts';
import type { Client, Reply } from '../../../src/model/reply.ts';

const reply: Reply = {
  kind: 'absent',
  removal: undefined,
  stalenessMs: 0,
  answers: 1,
  heldBy: undefined,
};
let metrics: Metrics;
let notes: string[];
let hand: HandOver;

beforeEach(() => {
  metrics = createMetrics();
  notes = [];
  const note = (_level: string, event: string): void => void notes.push(event);
  hand = new HandOver(metrics, { note, committed: () => undefined });
});

const fail = (): never => {
  throw new TypeError('Invalid character in header');
};

describe('an answer that is handed over late', () => {
  const given = (stalenessMs: number | 'unknown', ageMs: number, boundMs?: number): unknown => {
    let got: Reply | undefined;
    const client: Client = { onReply: (each) => (got = each), boundMs };
    hand.give(client, { ...reply, stalenessMs }, ageMs);
    return got?.kind === 'failed' ? got.fault.code : got && 'stalenessMs' in got && got.stalenessMs;
  };

  it('is as much older', () => {
    expect(given(100, 2000)).toBe(2100);
    expect(given('unknown', 2000)).toBe('unknown');
    expect(given(100, 0.5)).toBe(100);
  });

  it('is refused if it may be staler by then than its client takes', () => {
    expect(given(100, 0, 500)).toBe(100);
    expect(given(500, 0, 500)).toBe(500);
    expect(given(501, 0, 500)).toBe('bound-unmet');
    expect(given(100, 2000, 500)).toBe('bound-unmet');
    expect(given('unknown', 0, 500)).toBe('bound-unmet');
  });

  it('keeps what was done, and why something was not', () => {
    let got: Reply | undefined;
    const client: Client = { onReply: (each) => (got = each), boundMs: 1 };
    const refused: Reply = { kind: 'failed', fault: fault('overloaded', 'too much') };
    hand.give(client, refused, 2000);
    expect(got).toBe(refused);
  });
});

describe('a client callback that throws', () => {
  it('is reported and counted once, and delays no other reply', () => {
    const given: string[] = [];
    const clients: Client[] = [
      { onReply: () => void given.push('a') },
      { onReply: fail },
      { onReply: () => void given.push('c') },
    ];
    for (const client of clients) hand.give(client, reply);
    expect(given).toEqual(['a', 'c']);
    expect(notes).toEqual(['reply-failed']);
    expect(metrics.repliesBroken).toBe(1);
  });

  it('ends its own part of the work if possible', () => {
    const told: unknown[] = [];
    hand.give({ onReply: fail, onBroken: (error) => void told.push(error) }, reply);
    expect(told).toEqual([expect.any(TypeError)]);
    expect(notes).toEqual([]);
  });

  it('and throws again is reported here', () => {
    hand.give({ onReply: fail, onBroken: fail }, reply);
    expect(notes).toEqual(['reply-failed']);
    expect(metrics.repliesBroken).toBe(1);
  });
});
