import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { Sweep } from '../../../src/upkeep/sweep.ts';
import { bytes, text } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';
import { readBack } from '../../support/outbox.ts';

const PIECE = 2;
const ALL = { from: bytes('a'), to: bytes('z') };

let turn: HostTurn;
let storage: KeyMap;
let sweep: Sweep;
let taken: string[][];

beforeEach(() => {
  turn = new HostTurn();
  storage = new KeyMap();
  taken = [];
  const keys = ['b', 'c', 'd', 'e', 'f'].map(bytes);
  storage.apply({ keys, values: keys });
  sweep = new Sweep(PIECE, (result) => {
    taken.push(result.ok ? result.entries.map(({ key }) => text(key)) : []);
    sweep.pass(result);
  });
});

function goOn(): void {
  sweep.goOn(turn);
  readBack(turn, (request) => storage.range(request));
}

describe('a sweep', () => {
  it('reads one piece, and the next when more is allowed', () => {
    sweep.begin(ALL);
    goOn();
    goOn();
    expect(taken).toEqual([['b', 'c']]);
    sweep.allow(0);
    goOn();
    expect(taken).toEqual([
      ['b', 'c'],
      ['d', 'e'],
    ]);
  });

  it('reads one piece at a time', () => {
    sweep.begin(ALL);
    sweep.allow(100);
    sweep.goOn(turn);
    sweep.goOn(turn);
    expect(turn.reads).toHaveLength(1);
  });

  it('is idle when the range has ended, and then begins again', () => {
    sweep.begin(ALL);
    sweep.allow(100);
    for (let n = 0; n < 3; n++) goOn();
    expect(taken.flat()).toEqual(['b', 'c', 'd', 'e', 'f']);
    expect(sweep.isIdle).toBe(true);
    sweep.begin(ALL);
    expect(sweep.isIdle).toBe(false);
  });

  it('jumps to the position that its owner names', () => {
    sweep = new Sweep(PIECE, () => sweep.leap({ from: bytes('f'), to: ALL.to }));
    sweep.begin(ALL);
    sweep.allow(100);
    goOn();
    sweep.goOn(turn);
    expect(turn.reads[0]?.request.from).toEqual(bytes('f'));
  });
});
