import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import { StaleDisk } from '../../../src/peers/stale-disk.ts';
import { Log } from '../../../src/store/log.ts';
import { OwnLanes } from '../../../src/store/own-lanes.ts';
import { origin } from '../../support/build.ts';

const [NOW, LATER, OTHER] = [origin('eu-1.5'), origin('eu-1.8'), origin('us-1.9')];

let turn: HostTurn;
let disk: StaleDisk;

beforeEach(() => {
  turn = new HostTurn();
  const log = new Log(1e6, createMetrics());
  const own = new OwnLanes('eu-1' as never);
  own.begin(log, NOW);
  disk = new StaleDisk(log, own, NOW);
});

describe('a disk', () => {
  it('is an old copy if a peer knows a later incarnation of its replica', () => {
    expect(disk.isProvedBy([[LATER, 1]])).toBe(true);
    expect(disk.isLaterLife(LATER)).toBe(true);
  });

  it('is an old copy if a peer holds more of this incarnation than was ever written', () => {
    expect(disk.isProvedBy([[NOW, 1]])).toBe(true);
  });

  it('is not an old copy because of entries of others', () => {
    expect(disk.isProvedBy([[OTHER, 1e6]])).toBe(false);
    expect(disk.isProvedBy([[NOW, 0]])).toBe(false);
  });

  it('that is an old copy halts its replica, which starts again behind what is known', () => {
    disk.haltBehind([[LATER, 1]], turn);
    expect(turn.haltReason).toContain('old copy');
    expect(turn.notes).toMatchObject([{ fields: { known: 8, incarnation: 5 } }]);
  });
});
