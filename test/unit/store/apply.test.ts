import { beforeEach, describe, expect, it } from 'vitest';
import type { Draft } from '../../../src/model/encoding.ts';
import { applyEntry } from '../../../src/store/apply.ts';
import { key, namespace } from '../../support/build.ts';
import { MachineRoom, ownOrigin } from '../../support/machine-room.ts';

const OWN = ownOrigin(1);
const NS = namespace('ns');
const K = key('k');

let room: MachineRoom;
beforeEach(() => (room = new MachineRoom()));

const apply = (fields: Partial<Draft> = {}) => {
  const { core, turn } = room;
  const entry = room.next(OWN, { namespace: NS, key: K, ...fields });
  const lane = core.log.open(OWN);
  core.log.append(lane, entry, turn);
  return applyEntry(core, lane, entry, turn);
};

describe('an entry that is applied', () => {
  it('is what its key shows, and its lane is applied up to it', () => {
    expect(apply({ hlc: 1024 })).toBe('won');
    expect(room.core.log.applied(OWN)).toBe(1);
    expect(room.core.table.read(NS, K).record).toMatchObject({ origin: OWN, seq: 1 });
  });

  it('and is older than what its key shows changes nothing else', () => {
    apply({ hlc: 2048 });
    expect(apply({ hlc: 1024 })).toBe('lost');
    expect(room.core.log.applied(OWN)).toBe(2);
    expect(room.core.table.read(NS, K).record).toMatchObject({ seq: 1 });
  });

  it('is remembered by its idempotency key', () => {
    apply({ hlc: 1024, idempotency: { key: 'once', digest: 7 } });
    expect(room.core.idempotency.find(NS, 'once')).toMatchObject({ origin: OWN, seq: 1 });
  });

  it('is not shown where a copy has found that it was deleted', () => {
    room.core.absence.onCopied([{ origin: OWN, seq: 9, chain: 0, hlc: 0 }], undefined);
    expect(apply({ hlc: 1024 })).toBe('skipped');
    expect(room.core.log.applied(OWN)).toBe(1);
    expect(room.core.table.read(NS, K).record).toBeUndefined();
  });
});
