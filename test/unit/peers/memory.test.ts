import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { Memory } from '../../../src/peers/memory.ts';
import { membersOf, origin, settingsOf } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';
import { REGIONS } from '../../support/peers.ts';

const US = 1;
const [FIRST, SECOND, OTHER] = [origin('us-1.1'), origin('us-1.2'), origin('ap-1.1')];

let turn: HostTurn;
let storage: KeyMap;
let commitAge: { isDiskLow: boolean };
let memory: Memory;

function start(): void {
  const settings = settingsOf(membersOf(REGIONS), 0);
  memory = new Memory({ get: storage.get, commitAge, settings });
  memory.begin();
}

function beat(monoMs: number): boolean {
  memory.onBeat(turn.at({ wallMs: 0, monoMs }));
  const isWritten = turn.hasWrites;
  storage.apply(turn.takeBatch());
  return isWritten;
}

beforeEach(() => {
  turn = new HostTurn();
  storage = new KeyMap();
  commitAge = { isDiskLow: false };
  start();
});

describe('what a peer has reported to hold', () => {
  it('is remembered of the latest incarnation of each replica, and only grows', () => {
    memory.learn(US, [
      [FIRST, 3],
      [OTHER, 5],
    ]);
    memory.learn(US, [
      [SECOND, 1],
      [OTHER, 4],
    ]);
    expect(memory.of(US)).toEqual([
      [SECOND, 1],
      [OTHER, 5],
    ]);
    expect(memory.of(2)).toEqual([]);
  });

  it('is written at most once a second, and is found after a restart', () => {
    memory.learn(US, [[FIRST, 3]]);
    expect(beat(0)).toBe(true);
    memory.learn(US, [[FIRST, 4]]);
    expect(beat(999)).toBe(false);
    start();
    expect(memory.of(US)).toEqual([[FIRST, 3]]);
  });

  it('is not written while the disk is low', () => {
    commitAge.isDiskLow = true;
    memory.learn(US, [[FIRST, 3]]);
    expect(beat(0)).toBe(false);
  });
});
