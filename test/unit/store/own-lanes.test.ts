import { beforeEach, describe, expect, it } from 'vitest';
import { createMetrics } from '../../../src/model/metrics.ts';
import { Log } from '../../../src/store/log.ts';
import { OwnLanes } from '../../../src/store/own-lanes.ts';
import { HostTurn } from '../../../src/host/turn.ts';
import { origin, run } from '../../support/build.ts';

const [FIRST, SECOND, NOW, OTHER] = [
  origin('eu-1.1'),
  origin('eu-1.2'),
  origin('eu-1.3'),
  origin('us-1.1'),
];

let log: Log;
let own: OwnLanes;

beforeEach(() => {
  log = new Log(1e6, createMetrics());
  log.open(OTHER);
  log.open(FIRST);
  own = new OwnLanes('eu-1' as never);
  own.begin(log, NOW);
});

const names = (): string[] => own.list.map((lane) => lane.origin);

describe('the lanes of a replica', () => {
  it('are those of its earlier incarnations, and the current one last', () => {
    expect(names()).toEqual([FIRST, NOW]);
    expect(own.isOwn(SECOND)).toBe(true);
    expect(own.isOwn(OTHER)).toBe(false);
  });

  it('include one that was found at its place, once', () => {
    const found = log.open(SECOND);
    expect(own.take(found)).toBe(true);
    expect(own.take(found)).toBe(false);
    expect(names()).toEqual([FIRST, SECOND, NOW]);
  });

  it('reach beyond the vector of a peer by a known number of entries', () => {
    const out = new HostTurn();
    for (const entry of run(FIRST, 3)) log.append(log.open(FIRST), entry, out);
    expect(own.headsBeyond(new Map([[FIRST, 2]]))).toEqual([[FIRST, 3]]);
    expect(own.headsBeyond(new Map([[FIRST, 3]]))).toEqual([]);
  });
});
