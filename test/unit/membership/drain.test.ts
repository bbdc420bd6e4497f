import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { Drain } from '../../../src/membership/drain.ts';
import type { Command } from '../../../src/model/command.ts';
import { key, namespace } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';
import { replied } from '../../support/outbox.ts';
import { peersOf } from '../../support/peers.ts';

const client = { onReply: () => {} };
const READ = {
  kind: 'read',
  client,
  namespace: namespace('ns'),
  key: key('k'),
} as unknown as Command;

let turn: HostTurn;
let storage: KeyMap;
let drain: Drain;
const at = (monoMs: number): HostTurn => turn.at({ wallMs: 0, monoMs });

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
    expect(drain.refuses(READ, at(499))).toBe(false);
    replied(turn);
    expect(drain.refuses(READ, at(500))).toBe(true);
    expect(replied(turn)).toMatchObject([{ reply: { fault: { code: 'draining' } } }]);
  });

  it('is answered once that is durable', () => {
    say(true, 0);
    expect(replied(turn)).toMatchObject([{ lsn: turn.lsn, reply: { drained: true } }]);
  });

  it('stays so over a restart, without the grace, until it is resumed', () => {
    say(true, 1e6);
    storage.apply(turn.takeBatch());
    start();
    expect(drain.isDrained).toBe(true);
    expect(drain.refuses(READ, at(1))).toBe(true);
    say(false, 0);
    storage.apply(turn.takeBatch());
    start();
    expect(drain.isDrained).toBe(false);
    expect(drain.refuses(READ, at(2))).toBe(false);
  });

  it('shortens its grace when it is told again, and never lengthens it', () => {
    say(true, 500);
    say(true, 900, 100);
    expect(drain.graceMs({ wallMs: 0, monoMs: 100 })).toBe(400);
    say(true, 0, 200);
    expect(drain.graceMs({ wallMs: 0, monoMs: 200 })).toBe(0);
  });
});
