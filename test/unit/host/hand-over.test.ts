import { beforeEach, describe, expect, it } from 'vitest';
import { Gate } from '../../../src/host/gate.ts';
import { HandOver } from '../../../src/host/hand-over.ts';
import { HostTurn } from '../../../src/host/turn.ts';
import type { Client, Reply } from '../../../src/model/command.ts';
import { createMetrics, type Metrics } from '../../../src/model/metrics.ts';

const reply: Reply = { kind: 'absent', stalenessMs: 0, answers: 1, heldBy: undefined };
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

describe('a client that throws', () => {
  it('is told of, counted once, and keeps nobody else from their answers', () => {
    const given: string[] = [];
    const gate = new Gate(hand);
    const turn = new HostTurn();
    const at = (monoMs: number): HostTurn => turn.at({ wallMs: 0, monoMs });
    const clients: Client[] = [
      { onReply: () => void given.push('a') },
      { onReply: fail },
      { onReply: () => void given.push('c') },
    ];
    for (const client of clients) gate.pass({ client, reply, lsn: 1, deadlineMs: 1e9 }, 0);
    gate.open(1, at(0));
    expect(given).toEqual(['a', 'c']);
    expect(notes).toEqual(['reply-failed']);
    expect(metrics.repliesBroken).toBe(1);
    gate.pass({ client: { onReply: fail }, reply, lsn: 0, deadlineMs: 1e9 }, 0);
    gate.pass({ client: { onReply: fail }, reply, lsn: 2, deadlineMs: 5 }, 0);
    gate.expire(at(5));
    gate.pass({ client: { onReply: fail }, reply, lsn: 3, deadlineMs: 1e9 }, 0);
    gate.failAll();
    expect(metrics.repliesBroken).toBe(4);
  });

  it('ends its own part where it can', () => {
    const told: unknown[] = [];
    hand.give({ onReply: fail, onBroken: (error) => void told.push(error) }, reply);
    expect(told).toEqual([expect.any(TypeError)]);
    expect(notes).toEqual([]);
  });

  it('that throws again is told of here', () => {
    hand.give({ onReply: fail, onBroken: fail }, reply);
    expect(notes).toEqual(['reply-failed']);
    expect(metrics.repliesBroken).toBe(1);
  });
});
