import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { firstMembers } from '../../../src/model/member-set.ts';
import type { ReadReply } from '../../../src/model/message.ts';
import { isHeld, type QuorumSpec, requirementOf } from '../../../src/model/quorum.ts';
import { recordOf } from '../../../src/model/record.ts';
import type { PendingRead } from '../../../src/quorum/get.ts';
import { Tally } from '../../../src/quorum/tally.ts';
import { WriteBacks } from '../../../src/quorum/write-back.ts';
import { key, membersOf, mutation, namespace, setOfBits } from '../../support/build.ts';
import { sent } from '../../support/outbox.ts';

const members = membersOf(['eu', 'eu', 'us', 'us', 'ap']);
const EVERYBODY = setOfBits(0b11111);
const NEWEST = mutation({ hlc: 7, namespace: namespace('ns'), key: key('k') });

const requirement = (spec: QuorumSpec, among = members) => {
  const found = requirementOf(spec, among, among[0] as (typeof members)[number]);
  if (found === undefined) throw new Error('the quorum exists');
  return found;
};

describe('the number of holders after which no later read misses a version', () => {
  it.each([
    [3, 5, 3],
    [4, 5, 3],
    ['majority', 5, 3],
    ['all', 5, 3],
    ['each', 5, 3],
    [2, 5, 1],
    [1, 5, 1],
    [2, 3, 2],
    [3, 4, 2],
    [2, 4, 1],
    [2, 2, 1],
  ] as const)('r = %s of %s: %s', (spec, replicas, holders) => {
    const among = members.slice(0, replicas);
    expect(isHeld(requirement(spec, among), firstMembers(holders), replicas)).toBe(true);
    expect(isHeld(requirement(spec, among), firstMembers(holders - 1), replicas)).toBe(false);
  });

  it('of a region: the replicas in it', () => {
    const local = requirement('local', membersOf(['ap', 'ap', 'ap', 'eu', 'us', 'us', 'za']));
    expect(isHeld(local, setOfBits(0b1111000), 7)).toBe(false);
    expect(isHeld(local, setOfBits(0b0000001), 7)).toBe(false);
    expect(isHeld(local, setOfBits(0b0000011), 7)).toBe(true);
  });
});

describe('a version that is written back', () => {
  let out: HostTurn;
  let ended: string[];
  let writeBacks: WriteBacks;
  let monoMs: number;
  const now = () => ({ wallMs: 0, monoMs });

  beforeEach(() => {
    out = new HostTurn();
    ended = [];
    monoMs = 0;
    writeBacks = new WriteBacks(
      0,
      5,
      () => 9,
      (_, outcome) => ended.push(outcome),
    );
  });

  function begin(yes: number, holders: number, options: { needsSelf?: boolean } = {}): string[] {
    const { needsSelf = false } = options;
    const tally = new Tally(requirement('majority'));
    tally.yes = setOfBits(yes);
    const read = { tally, deadlineMs: 1000 } as PendingRead;
    const client = { onReply: () => {} };
    const rest = { holders: setOfBits(holders), needsSelf, ownLsn: 4, repairs: !needsSelf };
    writeBacks.begin({ read, client, newest: recordOf(NEWEST), ...rest }, EVERYBODY, out.at(now()));
    return asked();
  }

  const asked = () => sent(out).map(({ peer, message }) => `${peer} ${message.kind}`);
  const reply = (peer: number, answer: ReadReply['answer'], hlc?: number): boolean => {
    const { namespace: ns, key: name } = NEWEST;
    const record =
      hlc === undefined ? undefined : recordOf(mutation({ hlc, namespace: ns, key: name }));
    return writeBacks.onReply(
      peer,
      { kind: 'read-reply', id: 9, answer, record },
      EVERYBODY,
      out.at(now()),
    );
  };

  it('is sent to those that answered without it, and won once enough have it on disk', () => {
    expect(begin(0b00111, 0b00010)).toEqual(['2 repair', '2 read-request']);
    reply(2, 'record', 3);
    writeBacks.onDurable(4, EVERYBODY, out.at(now()));
    expect(ended).toEqual([]);
    reply(2, 'same');
    expect(ended).toEqual(['won']);
    expect(writeBacks.waiting).toBe(0);
  });

  it('counts holders of a newer version, and those that show it by their log', () => {
    begin(0b00111, 0b00010);
    reply(2, 'record', 8);
    writeBacks.onProgress(() => setOfBits(0b10000), EVERYBODY, out.at(now()));
    expect(ended).toEqual(['won']);
  });

  it('is sent to others and repeated if an answer is missing, and ends with the time of the read', () => {
    begin(0b00111, 0b00010);
    monoMs = out.timers.dueMs('write-back');
    writeBacks.onDue(EVERYBODY, out.at(now()));
    expect(asked().filter((line) => line.endsWith('request'))).toEqual([
      '2 read-request',
      '3 read-request',
      '4 read-request',
    ]);
    monoMs = 1000;
    writeBacks.onDue(EVERYBODY, out.at(now()));
    expect(ended).toEqual(['expired']);
  });

  it('is lost if too few can be reached', () => {
    begin(0b00111, 0b00010);
    writeBacks.onDisconnected(setOfBits(0b00001), out.at(now()));
    expect(ended).toEqual(['lost']);
  });

  it('waits for this replica itself if it must show it in order', () => {
    expect(begin(0b00111, 0b01110, { needsSelf: true })).toEqual([]);
    expect(ended).toEqual([]);
    writeBacks.onDurable(3, EVERYBODY, out.at(now()));
    expect(ended).toEqual([]);
    writeBacks.onDurable(4, EVERYBODY, out.at(now()));
    expect(ended).toEqual(['won']);
  });

  it('ignores an answer to another write-back', () => {
    begin(0b00111, 0b00010);
    const other: ReadReply = { kind: 'read-reply', id: 8, answer: 'same', record: undefined };
    expect(writeBacks.onReply(2, other, EVERYBODY, out.at(now()))).toBe(false);
  });
});
