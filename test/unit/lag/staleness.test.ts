import { beforeEach, describe, expect, it } from 'vitest';
import { type Echo, StalenessBound } from '../../../src/lag/staleness.ts';
import type { Seq } from '../../../src/model/id.ts';
import { origin } from '../../support/build.ts';

const [SELF, EU, US] = [0, 1, 2];
const EU1 = origin('eu-1.1');
const QUIET_MS = 400;

let staleness: StalenessBound;

beforeEach(() => {
  staleness = new StalenessBound(SELF, 3);
});

/**
 * A ping of `pingMs` was answered at once; the peer had accepted this many entries when it arrived.
 */
const echo = (pingMs: number, accepted: Seq = 0, says: Partial<Echo> = {}): Echo => {
  return { pingMs, keptMs: 0, sentMs: pingMs, heads: [[EU1, accepted]], ...says };
};
const shown = (seq: Seq) => new Map([[EU1, seq]]);

describe('the staleness of an answer', () => {
  it('is unknown until every peer has echoed', () => {
    expect(staleness.bound(100)).toBe('unknown');
    staleness.onEcho(EU, echo(90), shown(0), 100);
    expect([staleness.ofPeer(EU, 100), staleness.ofPeer(US, 100)]).toEqual([10, 'unknown']);
    expect(staleness.bound(100)).toBe('unknown');
  });

  it('is what the stalest peer allows, and grows until it echoes again', () => {
    staleness.onEcho(EU, echo(90), shown(0), 100);
    staleness.onEcho(US, echo(60), shown(0), 100);
    expect(staleness.bound(100)).toBe(40);
    expect(staleness.bound(150)).toBe(90);
    staleness.onEcho(US, echo(140), shown(0), 160);
    expect(staleness.bound(160)).toBe(70);
  });

  it('needs no peer in a cluster of one', () => {
    expect(new StalenessBound(0, 1).bound(100)).toBe(0);
  });

  it('is never below zero, whichever clock is behind', () => {
    staleness.onEcho(EU, echo(90), shown(0), 100);
    expect(staleness.ofPeer(EU, 80)).toBe(0);
  });
});

describe('an echo', () => {
  it('proves nothing before all that it names is shown here', () => {
    staleness.onEcho(EU, echo(90, 2), shown(1), 100);
    expect(staleness.asOfMs(EU)).toBeUndefined();
    staleness.onShown(EU, shown(1), 110);
    expect(staleness.asOfMs(EU)).toBeUndefined();
    staleness.onShown(EU, shown(2), 120);
    expect(staleness.asOfMs(EU)).toBe(90);
  });

  it('waits behind those before it, and is reached together with them', () => {
    for (const [pingMs, accepted] of [
      [90, 2],
      [190, 3],
      [290, 9],
    ] as const)
      staleness.onEcho(EU, echo(pingMs, accepted), shown(0), pingMs + 10);
    staleness.onShown(EU, shown(3), 400);
    expect(staleness.asOfMs(EU)).toBe(190);
  });

  it('beyond the bound of waiting echoes is dropped: those before it are reached sooner', () => {
    for (let n = 1; n <= 70; n++) staleness.onEcho(EU, echo(n, n), shown(0), n);
    staleness.onShown(EU, shown(100), 100);
    expect(staleness.asOfMs(EU)).toBe(64);
  });

  it('of a connection that ended is not waited for: it may name what the peer has lost', () => {
    staleness.onEcho(EU, echo(50), shown(0), 60);
    staleness.onEcho(EU, echo(90, 2), shown(0), 100);
    staleness.onDisconnected(EU);
    staleness.onShown(EU, shown(2), 120);
    expect(staleness.asOfMs(EU)).toBe(50);
  });
});

describe("the extra delay of a peer's writes", () => {
  it('is unknown before anything was shown on this connection', () => {
    expect(staleness.excessOf(EU, QUIET_MS, 100)).toBeUndefined();
    staleness.onEcho(EU, echo(90, 1), shown(0), 100);
    expect(staleness.excessOf(EU, QUIET_MS, 100)).toBeUndefined();
    staleness.onShown(EU, shown(1), 100);
    expect(staleness.excessOf(EU, QUIET_MS, 100)).toBe(0);
    staleness.onDisconnected(EU);
    expect(staleness.excessOf(EU, QUIET_MS, 100)).toBeUndefined();
  });

  it('is the age of the oldest waiting echo, beyond the usual delay', () => {
    staleness.onEcho(EU, echo(90), shown(0), 100);
    staleness.onEcho(EU, echo(190, 1), shown(0), 200);
    staleness.onEcho(EU, echo(290, 2), shown(0), 300);
    expect(staleness.excessOf(EU, QUIET_MS, 450)).toBe(250);
    staleness.onShown(EU, shown(1), 450);
    expect(staleness.excessOf(EU, QUIET_MS, 450)).toBe(250);
    staleness.onShown(EU, shown(2), 450);
    expect(staleness.excessOf(EU, QUIET_MS, 450)).toBe(150);
  });

  it('does not include the time for which the peer kept the ping', () => {
    staleness.onEcho(EU, echo(90, 0, { keptMs: 7 }), shown(0), 100);
    expect(staleness.baselineOf(EU, 100)).toBe(3);
    staleness.onEcho(EU, echo(90, 0, { keptMs: 20 }), shown(0), 100);
    expect(staleness.baselineOf(EU, 100)).toBe(0);
  });

  it('is measured against another clock in another incarnation of the peer, over the same distance', () => {
    staleness.onEcho(EU, echo(90, 0, { sentMs: 95 }), shown(0), 100);
    staleness.onDisconnected(EU);
    staleness.onNewLife(EU);
    staleness.onEcho(EU, echo(190, 0, { sentMs: 5 }), shown(0), 200);
    expect(staleness.excessOf(EU, QUIET_MS, 200)).toBe(0);
    expect(staleness.baselineOf(EU, 200)).toBe(10);
    // The ping took long, the way back did not; by the clock of the earlier incarnation the
    // opposite seems true.
    staleness.onEcho(EU, echo(290, 0, { sentMs: 195 }), shown(0), 400);
    expect(staleness.excessOf(EU, QUIET_MS, 400)).toBe(10);
  });
});
