import { beforeEach, describe, expect, it } from 'vitest';
import type { ReplicaId } from '../../../src/model/id.ts';
import { SUPERSEDED_MAX } from '../../../src/model/message.ts';
import { recordOf } from '../../../src/model/record.ts';
import { Supersessions } from '../../../src/store/supersessions.ts';
import { mutation, origin } from '../../support/build.ts';

const US = 'us-1' as ReplicaId;
const LOSER = origin('us-1.1');
const winner = recordOf(mutation({ origin: origin('eu-1.1'), seq: 7, hlc: 9 }));

let lost: Supersessions;
const note = (seq: number): void => lost.note(mutation({ origin: LOSER, seq }), winner);
const durable = (seq: number) => new Map([[LOSER, seq]]);

beforeEach(() => {
  lost = new Supersessions();
});

describe('the entries that lost here', () => {
  it('are reported once, when they are durable', () => {
    note(1);
    note(2);
    expect(lost.take(US, durable(0))).toBeUndefined();
    expect(lost.take(US, durable(1))).toMatchObject([{ seq: 1, isLive: true, by: { seq: 7 } }]);
    expect(lost.take(US, durable(2))).toMatchObject([{ seq: 2 }]);
    expect(lost.take(US, durable(2))).toBeUndefined();
  });

  it('are all reported once more with a greeting', () => {
    note(1);
    lost.take(US, durable(1));
    expect(lost.all(US, durable(1))).toMatchObject([{ seq: 1 }]);
    expect(lost.all('ap-1' as ReplicaId, durable(1))).toBeUndefined();
  });

  it('are at most as many as a message carries, the latest', () => {
    for (let seq = 1; seq <= SUPERSEDED_MAX + 1; seq++) note(seq);
    const told = lost.take(US, durable(1e6)) ?? [];
    expect(told).toHaveLength(SUPERSEDED_MAX);
    expect(told[0]?.seq).toBe(2);
  });
});
