import { beforeEach, describe, expect, it } from 'vitest';
import { Exchange } from '../../../src/entropy/exchange.ts';
import type { Holder } from '../../../src/peers/peers.ts';
import { HostTurn } from '../../../src/host/turn.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import type { ReplicaId } from '../../../src/model/id.ts';
import { Log } from '../../../src/store/log.ts';
import { origin, run } from '../../support/build.ts';
import { sent } from '../../support/outbox.ts';

const RETRY_MS = 1000;
const A1 = origin('a.1');
const C1 = origin('c.1');
const SELF = origin('s.1');

let log: Log;
let metrics: ReturnType<typeof createMetrics>;
let exchange: Exchange;
let out: HostTurn;

beforeEach(() => {
  metrics = createMetrics();
  log = new Log(1e6, metrics);
  exchange = new Exchange(log, metrics, 100, RETRY_MS);
  out = new HostTurn();
});

const holder = (peer: number, id: string, holds: readonly [typeof A1, number][]): Holder => ({
  peer,
  id: id as ReplicaId,
  holds: new Map(holds),
  shows: new Map(holds),
});

function have(of: typeof A1, count: number): void {
  const lane = log.open(of);
  for (const entry of run(of, count).slice(lane.received)) log.append(lane, entry, out);
}

/** The requests and their receivers, such as `2: a.1 from 4`. */
function asked(): string[] {
  return sent(out).map(({ peer, message }) =>
    message.kind === 'pull' ? `${peer}: ${message.origin} from ${message.from}` : message.kind,
  );
}

function look(nowMs: number, ...holders: Holder[]): string[] {
  exchange.onBeat(holders, SELF, out.at({ wallMs: 0, monoMs: nowMs }));
  return asked();
}

describe('a comparison of the vectors of the peers', () => {
  it('asks no peer if none holds more, or only more of this incarnation', () => {
    have(A1, 3);
    expect(look(0, holder(1, 'a', [[A1, 3]]), holder(2, 'b', [[SELF, 9]]))).toEqual([]);
  });

  it('asks another holder at once if the origin itself is not connected', () => {
    have(A1, 3);
    expect(look(0, holder(2, 'b', [[A1, 5]]))).toEqual(['2: a.1 from 4']);
  });

  it('asks for every origin that is missing, one request each', () => {
    const b = holder(2, 'b', [
      [A1, 5],
      [C1, 2],
    ]);
    expect(look(0, b)).toEqual(['2: a.1 from 1', '2: c.1 from 1']);
    expect(look(1, b)).toEqual([]);
  });

  it('waits for the stream while that makes progress', () => {
    const peers = [holder(1, 'a', [[A1, 5]]), holder(2, 'b', [[A1, 5]])];
    expect(look(0, ...peers)).toEqual([]);
    expect(look(RETRY_MS - 1, ...peers)).toEqual([]);
    have(A1, 1);
    expect(look(RETRY_MS, ...peers)).toEqual([]);
    expect(look(2 * RETRY_MS - 1, ...peers)).toEqual([]);
    expect(look(2 * RETRY_MS, ...peers)).toEqual(['2: a.1 from 2']);
  });

  it('does not ask a slow stream to begin again: what is under way would come twice', () => {
    const source = holder(1, 'a', [[A1, 5]]);
    for (const nowMs of [0, RETRY_MS, 2 * RETRY_MS]) expect(look(nowMs, source)).toEqual([]);
  });

  it('asks the stream to begin again once something of it was refused', () => {
    const source = holder(1, 'a', [[A1, 5]]);
    look(0, source);
    exchange.onRefused(A1, 2);
    expect(look(RETRY_MS, source)).toEqual(['1: a.1 from 1']);
    expect(look(RETRY_MS + 1, source)).toEqual([]);
    expect(look(2 * RETRY_MS, source)).toEqual(['1: a.1 from 1']);
    have(A1, 2);
    exchange.onEntries(source, A1, [], out.at({ wallMs: 0, monoMs: 2 * RETRY_MS }));
    expect(asked()).toEqual([]);
    for (const nowMs of [2.5, 3.5, 4.5]) expect(look(nowMs * RETRY_MS, source)).toEqual([]);
  });

  it('asks the stream to begin again if only the first of several early entries was accepted', () => {
    const source = holder(1, 'a', [[A1, 5]]);
    look(0, source);
    exchange.onRefused(A1, 4);
    have(A1, 2);
    exchange.onEntries(source, A1, [], out.at({ wallMs: 0, monoMs: 1 }));
    expect(look(2, source)).toEqual([]);
    expect(look(RETRY_MS + 2, source)).toEqual(['1: a.1 from 3']);
    have(A1, 4);
    exchange.onEntries(source, A1, [], out.at({ wallMs: 0, monoMs: RETRY_MS + 3 }));
    expect(look(9 * RETRY_MS, source)).toEqual([]);
    expect(look(10 * RETRY_MS, source)).toEqual([]);
  });

  it('asks the next holder if one does not answer', () => {
    const peers = [2, 3].map((peer) => holder(peer, `h${peer}`, [[A1, 5]]));
    expect(look(0, ...peers)).toEqual(['2: a.1 from 1']);
    expect(look(RETRY_MS / 2, ...peers)).toEqual([]);
    expect(look(RETRY_MS, ...peers)).toEqual(['3: a.1 from 1']);
    expect(look(2 * RETRY_MS, ...peers)).toEqual(['2: a.1 from 1']);
  });

  it('asks the only holder again and again', () => {
    const b = holder(2, 'b', [[A1, 5]]);
    for (const nowMs of [0, RETRY_MS, 2 * RETRY_MS]) {
      expect(look(nowMs, b)).toEqual(['2: a.1 from 1']);
    }
  });
});

describe('entries that arrive', () => {
  const b = holder(2, 'b', [[A1, 5]]);

  it('are followed by the next request while their holder has more', () => {
    look(0, b);
    have(A1, 2);
    exchange.onEntries(b, A1, [], out.at({ wallMs: 0, monoMs: 5 }));
    expect(asked()).toEqual(['2: a.1 from 3']);
    have(A1, 5);
    exchange.onEntries(b, A1, [], out.at({ wallMs: 0, monoMs: 6 }));
    expect(asked()).toEqual([]);
  });

  it('that were not requested are followed by no request', () => {
    have(A1, 2);
    exchange.onEntries(b, A1, [], out.at({ wallMs: 0, monoMs: 5 }));
    expect(asked()).toEqual([]);
  });

  it('from the stream do not end a request to another holder', () => {
    look(0, b);
    have(A1, 1);
    exchange.onEntries(holder(1, 'a', [[A1, 9]]), A1, [], out.at({ wallMs: 0, monoMs: 1 }));
    expect(asked()).toEqual([]);
    have(A1, 2);
    exchange.onEntries(b, A1, [], out.at({ wallMs: 0, monoMs: 2 }));
    expect(asked()).toEqual(['2: a.1 from 3']);
  });
});

describe('a reader that waits', () => {
  const b = holder(2, 'b', [[A1, 5]]);

  it('starts one pull early, from the replica that showed the version', () => {
    exchange.hasten(b, A1, out.at({ wallMs: 0, monoMs: 0 }));
    exchange.hasten(b, A1, out.at({ wallMs: 0, monoMs: 1 }));
    expect(asked()).toEqual(['2: a.1 from 1']);
    have(A1, 2);
    exchange.onEntries(b, A1, [], out.at({ wallMs: 0, monoMs: 2 }));
    expect(asked()).toEqual([]);
  });

  it('starts no pull for a version that the stream itself showed: it is on its way', () => {
    exchange.hasten(holder(1, 'a', []), A1, out.at({ wallMs: 0, monoMs: 0 }));
    expect(asked()).toEqual([]);
  });
});

describe('a fetched entry', () => {
  const three = run(A1, 3);
  const bytes = three.reduce((sum, entry) => sum + entry.bytes.length, 0);

  it('counts with its reason', () => {
    look(0, holder(2, 'b', [[A1, 5]]));
    const peers = [holder(1, 'a', [[A1, 5]]), holder(2, 'b', [[A1, 5]])];
    look(RETRY_MS, ...peers);
    exchange.onRefused(C1, 1);
    look(2 * RETRY_MS, holder(3, 'c', [[C1, 1]]));
    look(3 * RETRY_MS, holder(3, 'c', [[C1, 1]]));
    exchange.hasten(holder(2, 'b', [[A1, 5]]), A1, out.at({ wallMs: 0, monoMs: 9 * RETRY_MS }));
    const { away, awaited, refused, stalled } = metrics.deltas;
    expect({ away, awaited, refused, stalled }).toEqual({
      away: 1,
      awaited: 1,
      refused: 1,
      stalled: 1,
    });
  });

  it('may be older than the greeting of the peer, and later writes do not count', () => {
    const source = holder(1, 'a', [[A1, 3]]);
    exchange.onHello(source);
    expect(metrics.deltas.reconnect).toBe(1);
    have(A1, 3);
    exchange.onEntries(source, A1, three, out.at({ wallMs: 0, monoMs: 1 }));
    expect(metrics.deltaBytes).toBe(bytes);
    have(A1, 6);
    exchange.onEntries(source, A1, three, out.at({ wallMs: 0, monoMs: 2 }));
    expect(metrics.deltaBytes).toBe(bytes);
    exchange.onHello(source);
    expect(metrics.deltas.reconnect).toBe(1);
  });

  it('counts only if it was requested from that holder', () => {
    const b = holder(2, 'b', [[A1, 3]]);
    exchange.onEntries(b, A1, three, out.at({ wallMs: 0, monoMs: 0 }));
    expect(metrics.deltaBytes).toBe(0);
    look(0, b);
    have(A1, 3);
    exchange.onEntries(b, A1, three, out.at({ wallMs: 0, monoMs: 1 }));
    expect(metrics.deltaBytes).toBe(bytes);
  });
});
