import { beforeEach, describe, expect, it } from 'vitest';
import { HandOver } from '../../../src/host/hand-over.ts';
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
