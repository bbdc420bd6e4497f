import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { Grace } from '../../../src/peers/grace.ts';
import type { Peers } from '../../../src/peers/peers.ts';
import { membersOf, settingsOf } from '../../support/build.ts';
import { greet, peersOf, REGIONS } from '../../support/peers.ts';

let turn: HostTurn;
let peers: Peers;
let grace: Grace;
const at = (monoMs: number): HostTurn => turn.at({ wallMs: 0, monoMs });

beforeEach(() => {
  turn = new HostTurn();
  ({ peers } = peersOf());
  const settings = settingsOf(membersOf(REGIONS), 0, { bootGraceMs: 300, helloWaitMs: 5000 });
  grace = new Grace({ peers, settings });
  grace.begin(at(0));
});

describe('the grace of a start', () => {
  it('ends when all have greeted', () => {
    greet(peers, 1);
    expect(grace.isOver(at(1))).toBe(false);
    greet(peers, 2);
    expect(grace.isOver(at(1))).toBe(true);
    expect(turn.timers.nextMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('ends with a majority after the others had their time', () => {
    greet(peers, 1);
    expect(turn.timers.dueMs('grace')).toBe(300);
    expect(grace.isOver(at(299))).toBe(false);
    expect(grace.isOver(at(300))).toBe(true);
  });

  it('ends alone after the long wait, which is checked once more', () => {
    expect(grace.isOver(at(300))).toBe(false);
    expect(grace.isRunning).toBe(true);
    expect(turn.timers.dueMs('grace')).toBe(5000);
    expect(grace.isOver(at(5000))).toBe(true);
    expect(grace.isRunning).toBe(false);
  });
});
