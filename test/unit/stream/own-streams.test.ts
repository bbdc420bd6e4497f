import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import { Log } from '../../../src/store/log.ts';
import { OwnLanes } from '../../../src/store/own-lanes.ts';
import { Supersessions } from '../../../src/store/supersessions.ts';
import { Streams } from '../../../src/stream/own-streams.ts';
import { membersOf, origin, settingsOf } from '../../support/build.ts';
import { sent } from '../../support/outbox.ts';
import { greet, peersOf, REGIONS, type StreamLog } from '../../support/peers.ts';

const [EARLIER, NOW, THEIRS] = [origin('ap-1.1'), origin('ap-1.2'), origin('us-1.1')];

let turn: HostTurn;
let log: Log;
let streams: Streams;
let streamLogs: StreamLog[];

beforeEach(() => {
  turn = new HostTurn();
  log = new Log(1e6, createMetrics());
  const own = new OwnLanes('ap-1' as never);
  own.begin(log, NOW);
  const made = peersOf();
  streamLogs = made.streams;
  for (const index of [1, 2]) greet(made.peers, index);
  const settings = settingsOf(membersOf(REGIONS), 0);
  const supersessions = new Supersessions();
  streams = new Streams({ log, origin: NOW, own, peers: made.peers, settings, supersessions });
  for (const each of streamLogs) each.asked.length = 0;
});

describe('an entry that has become durable', () => {
  it('is acknowledged to the replica that wrote it, and to no other', () => {
    streams.onDurable([[THEIRS, 4]], turn);
    expect(sent(turn)).toMatchObject([
      { peer: 2, message: { kind: 'ack', vector: [[THEIRS, 4]] } },
    ]);
  });

  it('is sent to all if it is of this incarnation', () => {
    streams.onDurable([[NOW, 1]], turn);
    expect(streamLogs.map(({ asked }) => asked)).toEqual([['pump'], ['pump']]);
    expect(sent(turn)).toEqual([]);
  });

  it('makes streams go back if it is of an earlier one', () => {
    streams.onDurable([[EARLIER, 1]], turn);
    expect(streamLogs[0]?.asked).toEqual(['look back', 'pump']);
  });
});

describe('a log of an earlier incarnation', () => {
  it('is streamed again when it returns, once', () => {
    streams.relearn(log.open(EARLIER));
    streams.relearn(log.open(EARLIER));
    streams.relearn(log.open(THEIRS));
    expect(streamLogs.map(({ asked }) => asked)).toEqual([['look back'], ['look back']]);
  });
});
