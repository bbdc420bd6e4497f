import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { Grace } from '../../../src/peers/grace.ts';
import { Peer, Peers } from '../../../src/peers/peers.ts';
import { helloOf, membershipOf, membersOf, origin, settingsOf } from '../../support/build.ts';

const REGIONS = ['eu', 'us', 'ap'];
const members = membersOf(REGIONS);
const STREAM = {
  begin: () => {},
  reset: () => {},
  rewind: () => {},
  onHeld: () => {},
  onWindow: () => {},
  lookBack: () => {},
  pump: () => {},
};

let turn: HostTurn;
let peers: Peers;
let grace: Grace;
const at = (monoMs: number): HostTurn => turn.at({ wallMs: 0, monoMs });

beforeEach(() => {
  turn = new HostTurn();
  peers = new Peers(
    0,
    members.slice(1).map((member) => new Peer(member, STREAM, 1000)),
  );
  const settings = settingsOf(members, 0, { bootGraceMs: 300, helloWaitMs: 5000 });
  grace = new Grace({ peers, settings });
  grace.begin(at(0));
});

function greet(index: number): void {
  const peer = peers.get(index);
  if (peer !== undefined)
    peers.onHello(peer, helloOf(origin(`p-${index}.1`), membershipOf(REGIONS)));
}

describe('the grace of a start', () => {
  it('ends when all have greeted', () => {
    greet(1);
    expect(grace.isOver(at(1))).toBe(false);
    greet(2);
    expect(grace.isOver(at(1))).toBe(true);
    expect(turn.timers.nextMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('ends with a majority when the others had their time', () => {
    greet(1);
    expect(turn.timers.dueMs('grace')).toBe(300);
    expect(grace.isOver(at(299))).toBe(false);
    expect(grace.isOver(at(300))).toBe(true);
  });

  it('ends alone after the long wait, which is looked at once more', () => {
    expect(grace.isOver(at(300))).toBe(false);
    expect(grace.isRunning).toBe(true);
    expect(turn.timers.dueMs('grace')).toBe(5000);
    expect(grace.isOver(at(5000))).toBe(true);
    expect(grace.isRunning).toBe(false);
  });
});
