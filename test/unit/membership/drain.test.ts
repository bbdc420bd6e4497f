import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { Drain } from '../../../src/membership/drain.ts';
import type { Now } from '../../../src/model/effect.ts';
import { KeyMap } from '../../support/key-map.ts';
import { replied } from '../../support/outbox.ts';
import { peersOf } from '../../support/peers.ts';

const client = { onReply: () => {} };
let turn: HostTurn;
let storage: KeyMap;
let drain: Drain;
const now = (monoMs: number): Now => ({ wallMs: 0, monoMs });
const at = (monoMs: number): HostTurn => turn.at(now(monoMs));

function start(): void {
  drain = new Drain({ get: storage.get, ...peersOf() });
  drain.begin();
}

function say(drained: boolean, graceMs: number, monoMs = 0): void {
  drain.onCommand({ kind: 'drain', client, drained, graceMs }, at(monoMs));
}

beforeEach(() => {
  turn = new HostTurn();
  storage = new KeyMap();
  start();
});

describe('a drained replica', () => {
  it('answers until its grace is over, and refuses then', () => {
    say(true, 500);
    expect(drain.graceMs({ wallMs: 0, monoMs: 200 })).toBe(300);
    expect(drain.refusal(now(499))).toBeUndefined();
    expect(drain.refusal(now(500))).toMatchObject({ code: 'draining', retryAfterMs: 1000 });
  });

  it('answers the drain once that is durable', () => {
    say(true, 0);
    expect(replied(turn)).toMatchObject([{ lsn: turn.lsn, reply: { drained: true } }]);
  });

  it('stays drained across a restart, without the grace, until it is resumed', () => {
    say(true, 1e6);
    storage.apply(turn.takeBatch());
    start();
    expect(drain.isDrained).toBe(true);
    expect(drain.refusal(now(1))).toBeDefined();
    say(false, 0);
    storage.apply(turn.takeBatch());
    start();
    expect(drain.isDrained).toBe(false);
    expect(drain.refusal(now(2))).toBeUndefined();
  });

  it('shortens its grace on a second request, and never lengthens it', () => {
    say(true, 500);
    say(true, 900, 100);
    expect(drain.graceMs({ wallMs: 0, monoMs: 100 })).toBe(400);
    say(true, 0, 200);
    expect(drain.graceMs({ wallMs: 0, monoMs: 200 })).toBe(0);
  });
});
