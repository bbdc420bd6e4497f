import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import type { Entries } from '../../../src/model/message.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import type { Mutation } from '../../../src/model/record.ts';
import { logKey } from '../../../src/store/layout.ts';
import { Log } from '../../../src/store/log.ts';
import { PullServer } from '../../../src/stream/pull-server.ts';
import { origin, run } from '../../support/build.ts';
import { commitLog, KeyMap } from '../../support/key-map.ts';
import { readBack, sent } from '../../support/outbox.ts';

const B1 = origin('b.1');
const entries = run(B1, 20);
const SIZE = (entries[0] as Mutation).bytes.length;

let out: HostTurn;
let log: Log;
let storage: KeyMap;
let server: PullServer;

function serve(tailEntries: number, frameEntries: number): void {
  out = new HostTurn();
  storage = new KeyMap();
  log = new Log(tailEntries * SIZE, createMetrics());
  server = new PullServer(log, frameEntries * SIZE);
  for (const entry of entries.slice(0, 10)) {
    log.append(log.open(B1), entry, out);
    log.seal(out);
  }
  commitLog(log, storage, out);
}

function pull(from: number, peer = 1, bytesMax = 1e6): string[] {
  server.onPull(peer, { kind: 'pull', origin: B1, from, bytesMax }, out);
  return answers();
}

function answers(): string[] {
  return sent(out).map(({ peer, message }) => {
    if (message.kind === 'behind') return `${peer}: behind ${message.floor}`;
    const { entries: some } = message as Entries;
    return `${peer}: ${some[0]?.seq}-${some.at(-1)?.seq}`;
  });
}

function answerReads(): string[] {
  readBack(out, (request) => storage.range(request));
  return answers();
}

beforeEach(() => serve(20, 3));

describe('a pull', () => {
  it('is answered with one bounded message from its position', () => {
    expect(pull(4)).toEqual(['1: 4-6']);
    expect(pull(9)).toEqual(['1: 9-10']);
    expect(pull(1, 2, 1)).toEqual(['2: 1-1']);
  });

  it('is ignored for what is not held or not durable, and refused for what is truncated', () => {
    expect(pull(11)).toEqual([]);
    log.append(log.open(B1), entries[10] as Mutation, out);
    expect(pull(11)).toEqual([]);
    commitLog(log, storage, out);
    expect(pull(11)).toEqual(['1: 11-11']);
    const lane = log.open(B1);
    log.truncate(lane, { seq: 5, chain: 0 }, out);
    expect(pull(5)).toEqual(['1: behind 5']);
    expect(pull(6)).toEqual(['1: 6-8']);
    server.onPull(1, { kind: 'pull', origin: origin('z.1'), from: 1, bytesMax: 10 }, out);
    expect(answers()).toEqual([]);
  });

  it('beyond memory is read from storage, one at a time, in the order of the requests', () => {
    serve(2, 3);
    expect(pull(1, 1)).toEqual([]);
    expect(pull(3, 2)).toEqual([]);
    expect(pull(9, 3)).toEqual([]);
    expect(out.reads).toHaveLength(1);
    expect(answerReads()).toEqual(['1: 1-2']);
    expect(answerReads()).toEqual(['2: 3-4', '3: 9-10']);
  });

  it('is answered up to a damaged entry, and not at all from there', () => {
    serve(2, 3);
    storage.damage(logKey(0, B1, 2), 20);
    pull(1);
    expect(answerReads()).toEqual(['1: 1-1']);
    pull(2);
    expect(answerReads()).toEqual([]);
    pull(9);
    expect(answers()).toEqual([]);
    expect(pull(9)).toEqual(['1: 9-10']);
  });

  it('whose range cannot be read does not delay the next one', () => {
    serve(2, 3);
    pull(1, 1);
    pull(3, 2);
    readBack(out, () => ({ ok: false, reason: 'no' }));
    expect(answerReads()).toEqual(['2: 3-4']);
  });

  it('beyond the bound of waiting pulls is dropped', () => {
    serve(2, 3);
    for (let i = 0; i < 300; i++) pull(1, i);
    let count = 0;
    for (let i = 0; i < 400; i++) count += answerReads().length;
    expect(count).toBe(257);
  });
});
