import { beforeEach, describe, expect, it } from 'vitest';
import { laneKey, recordKey } from '../../../src/store/layout.ts';
import { Scrub } from '../../../src/upkeep/scrub.ts';
import { key, namespace, run } from '../../support/build.ts';
import { MachineRoom, ownOrigin } from '../../support/machine-room.ts';

const NS = namespace('ns');
const OWN = ownOrigin(1);
const settings = { scrubDelayMs: 1000, scrubEveryMs: 10_000, heartbeatMs: 100 };

let room: MachineRoom;
let scrub: Scrub;
let healed: string[];

beforeEach(() => {
  room = new MachineRoom({ settings, regions: ['ap'] });
  healed = [];
  scrub = new Scrub(room.core, (_, name) => void healed.push(name));
  // The tree is computed at once.
  beat();
});

const entriesOf = (count: number) => run(OWN, count, (seq) => ({ key: key(`k${seq}`) }));

/** A heartbeat, and the piece that is read in it. */
function beat(): void {
  scrub.onBeat(room.turn);
  room.read();
  room.commit();
}

/** A round is due, and takes as many heartbeats as it needs. */
function round(): number {
  const before = room.core.metrics.scrubRounds;
  room.pass(settings.scrubEveryMs);
  for (let beats = 1; beats < 100; beats++) {
    beat();
    if (room.core.metrics.scrubRounds > before) return beats;
  }
  throw new Error('the round does not end');
}

describe('a scrub', () => {
  it('waits for its time, and reads records and logs once', () => {
    room.hold(...entriesOf(3));
    beat();
    expect(room.core.metrics.scrubEntries).toBe(0);
    room.pass(settings.scrubDelayMs);
    beat();
    beat();
    expect(room.core.metrics).toMatchObject({ scrubRounds: 1, scrubEntries: 6 });
    beat();
    expect(room.core.metrics.scrubEntries).toBe(6);
  });

  it('reads larger pieces once it knows how much is stored', () => {
    room.hold(...entriesOf(4000));
    const first = round();
    expect(round()).toBeLessThan(0.8 * first);
  });

  it('repairs a damaged record, and continues behind it', () => {
    room.hold(...entriesOf(3));
    const [, second] = entriesOf(3);
    room.disk.flip(recordKey(NS, second?.key ?? key('')), 300);
    round();
    expect(healed).toEqual([second?.key]);
    expect(room.core.metrics).toMatchObject({ recordsDamaged: 1, scrubRounds: 1 });
    expect(room.noted()).toContain('scrub-damaged');
  });

  it('reports a damaged log entry, and repairs nothing', () => {
    room.hold(...entriesOf(3));
    room.disk.flip(laneKey(OWN, 3), 300);
    round();
    expect(healed).toEqual([]);
    expect(room.core.metrics.recordsDamaged).toBe(1);
  });

  it('reports what cannot be read, and tries again with the next heartbeat', () => {
    const entries = entriesOf(3);
    room.hold(...entries);
    const at = recordKey(NS, entries[1]?.key ?? key(''));
    const stored = room.disk.get(at);
    room.disk.damage(at);
    room.pass(settings.scrubEveryMs);
    beat();
    expect(room.noted()).toContain('scrub-unreadable');
    room.disk.write({ keys: [at], values: [stored as Uint8Array] }, true);
    beat();
    beat();
    expect(room.core.metrics.scrubRounds).toBe(1);
  });

  it('finds a record that storage has lost, and writes what memory still holds', () => {
    const entries = entriesOf(3);
    room.hold(...entries);
    const at = recordKey(NS, entries[1]?.key ?? key(''));
    room.disk.write({ keys: [at], values: [undefined] }, true);
    round();
    room.commit();
    expect(room.noted()).toContain('tree-differs');
    expect(room.disk.get(at)).toBeDefined();
  });
});
