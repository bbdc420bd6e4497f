import { describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import type { RangeResult } from '../../../src/model/effect.ts';
import type { Entries } from '../../../src/model/message.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import type { Mutation } from '../../../src/model/record.ts';
import type { VectorEntries } from '../../../src/model/vector.ts';
import type { Lane } from '../../../src/store/lane.ts';
import { logKey } from '../../../src/store/layout.ts';
import { Log } from '../../../src/store/log.ts';
import { PeerSender } from '../../../src/stream/sender.ts';
import { origin, run } from '../../support/build.ts';
import { commitLog, KeyMap } from '../../support/key-map.ts';
import { readBack, sent } from '../../support/outbox.ts';

const PEER = 1;
const FIRST = origin('a.1');
const SECOND = origin('a.2');
const SIZE = (run(FIRST, 1)[0] as Mutation).bytes.length;
const WINDOW = 1000 * SIZE;

/**
 * A sender over one or two incarnations of this replica, with its log, its storage and its outbox.
 */
class Scene {
  readonly out = new HostTurn();
  readonly storage = new KeyMap();
  readonly log: Log;
  readonly lanes: Lane[];
  readonly sender: PeerSender;
  readonly #source = new Map([FIRST, SECOND].map((of) => [of, run(of, 100)] as const));

  /** Each entry is a block of its own. */
  constructor({ tailBytes = 1e6, frameEntries = 1000, lives = 1 } = {}) {
    this.log = new Log(tailBytes, createMetrics());
    this.lanes = [FIRST, SECOND].slice(0, lives).map((of) => this.log.open(of));
    this.sender = new PeerSender({
      peer: PEER,
      frameBytes: frameEntries * SIZE,
      metrics: createMetrics(),
      lanes: this.lanes,
    });
  }

  append(of: typeof FIRST, count: number): this {
    const lane = this.log.open(of);
    const entries = this.#source.get(of)?.slice(lane.received, lane.received + count) ?? [];
    for (const entry of entries) {
      this.log.append(lane, entry, this.out);
      this.log.seal(this.out);
    }
    return this;
  }

  commit(): this {
    commitLog(this.log, this.storage, this.out);
    return this;
  }

  begin(holds: VectorEntries = [], windowBytes = WINDOW): this {
    this.sender.begin(holds, windowBytes);
    return this;
  }

  ack(vector: VectorEntries, windowBytes: number): void {
    this.sender.onWindow(windowBytes);
    this.sender.onHeld(vector);
  }

  pump(): string[] {
    this.sender.pump(this.out);
    return this.sent();
  }

  /** The messages, such as `a.1 3-7`. */
  sent(): string[] {
    return sent(this.out).map(({ peer, message }) => {
      expect(peer).toBe(PEER);
      if (message.kind === 'behind') return `${message.origin} behind ${message.floor}`;
      const { origin: of, entries } = message as Entries;
      entries.forEach(({ seq }, i) => expect(seq).toBe((entries[0] as Mutation).seq + i));
      return `${of} ${entries[0]?.seq}-${entries.at(-1)?.seq}`;
    });
  }

  /** Answers the requested range reads. */
  readBack(change: (result: RangeResult) => RangeResult = (result) => result): string[] {
    readBack(this.out, (request) => change(this.storage.range(request)));
    return this.sent();
  }

  truncate(lane: Lane, floor: number): void {
    this.log.truncate(lane, { seq: floor, chain: 0 }, this.out);
    this.append(FIRST, 1).commit();
    for (const { from, to } of this.out.clears.splice(0)) this.storage.clear(from, to);
  }
}

describe('a sender that is disconnected', () => {
  it('sends nothing', () => {
    expect(new Scene().append(FIRST, 3).commit().pump()).toEqual([]);
  });

  it('sends nothing after a reset, and ignores acknowledgements and pulls', () => {
    const scene = new Scene().append(FIRST, 3).commit().begin();
    scene.sender.reset();
    scene.ack([[FIRST, 2]], WINDOW);
    scene.sender.rewind(FIRST, 1);
    expect(scene.pump()).toEqual([]);
  });

  it('ignores the answer to a read that began before the reset', () => {
    const scene = new Scene({ tailBytes: 0 }).append(FIRST, 3).commit().begin();
    expect(scene.pump()).toEqual([]);
    scene.sender.reset();
    expect(scene.readBack()).toEqual([]);
  });
});

describe('a sender that streams', () => {
  it('begins behind the vector of the peer', () => {
    const scene = new Scene().append(FIRST, 5).commit();
    expect(scene.begin([[FIRST, 2]]).pump()).toEqual(['a.1 3-5']);
    expect(scene.pump()).toEqual([]);
  });

  it('sends only what is durable', () => {
    const scene = new Scene().append(FIRST, 2).commit().append(FIRST, 2).begin();
    expect(scene.pump()).toEqual(['a.1 1-2']);
    expect(scene.commit().pump()).toEqual(['a.1 3-4']);
  });

  it('sends an earlier incarnation to its end before the later one begins', () => {
    const scene = new Scene({ frameEntries: 2, lives: 2 })
      .append(SECOND, 2)
      .append(FIRST, 3)
      .commit();
    expect(scene.begin().pump()).toEqual(['a.1 1-2', 'a.1 3-3', 'a.2 1-2']);
  });

  it('goes back to an earlier incarnation that grew', () => {
    const scene = new Scene({ lives: 2 }).append(FIRST, 2).append(SECOND, 2).commit().begin();
    expect(scene.pump()).toEqual(['a.1 1-2', 'a.2 1-2']);
    scene.append(FIRST, 3).commit();
    scene.sender.lookBack();
    expect(scene.pump()).toEqual(['a.1 3-5']);
  });

  it('keeps unacknowledged bytes within the window, exceeded by at most one message', () => {
    const scene = new Scene({ frameEntries: 2 }).append(FIRST, 20).commit();
    expect(scene.begin([], 3 * SIZE).pump()).toEqual(['a.1 1-2', 'a.1 3-4']);
    expect(scene.pump()).toEqual([]);
    scene.ack([[FIRST, 1]], 3 * SIZE);
    expect(scene.pump()).toEqual([]);
    scene.ack([[FIRST, 2]], 3 * SIZE);
    expect(scene.pump()).toEqual(['a.1 5-6']);
    scene.ack([[FIRST, 6]], 1);
    expect(scene.pump()).toEqual(['a.1 7-8']);
    expect(scene.pump()).toEqual([]);
  });

  it('frees the window for both incarnations, in whatever order an acknowledgement names them', () => {
    const scene = new Scene({ lives: 2 })
      .append(FIRST, 2)
      .append(SECOND, 2)
      .commit()
      .begin([], 4 * SIZE);
    expect(scene.pump()).toEqual(['a.1 1-2', 'a.2 1-2']);
    scene.append(SECOND, 1).commit();
    expect(scene.pump()).toEqual([]);
    const both: VectorEntries = [
      [SECOND, 2],
      [FIRST, 2],
    ];
    scene.ack(both, 4 * SIZE);
    expect(scene.pump()).toEqual(['a.2 3-3']);
    scene.append(SECOND, 3).commit();
    expect(scene.pump()).toEqual(['a.2 4-6']);
  });

  it('does not send what the peer got from another holder meanwhile', () => {
    const scene = new Scene({ frameEntries: 2 }).append(FIRST, 10).commit().begin([], 1);
    expect(scene.pump()).toEqual(['a.1 1-2']);
    scene.ack([[FIRST, 7]], WINDOW);
    expect(scene.pump()).toEqual(['a.1 8-9', 'a.1 10-10']);
  });

  it('charges the window for nothing that the peer had before it was sent', () => {
    const scene = new Scene({ frameEntries: 2 })
      .append(FIRST, 10)
      .commit()
      .begin([], 2 * SIZE);
    expect(scene.pump()).toEqual(['a.1 1-2']);
    // It was requested again, but the peer holds it: no further acknowledgement of it will come.
    scene.ack([[FIRST, 4]], 2 * SIZE);
    scene.sender.rewind(FIRST, 1);
    expect(scene.pump()).toEqual(['a.1 1-2', 'a.1 3-4', 'a.1 5-6']);
    expect(scene.pump()).toEqual([]);
  });

  it('goes back if the peer lacks what was sent, and counts the window again', () => {
    const scene = new Scene({ frameEntries: 2 })
      .append(FIRST, 6)
      .commit()
      .begin([], 2 * SIZE);
    expect(scene.pump()).toEqual(['a.1 1-2']);
    scene.sender.rewind(FIRST, 2);
    expect(scene.pump()).toEqual(['a.1 2-3']);
  });

  it('does not go forward if the peer asks for more than was sent', () => {
    const scene = new Scene({ frameEntries: 2 })
      .append(FIRST, 6)
      .commit()
      .begin([], 2 * SIZE);
    expect(scene.pump()).toEqual(['a.1 1-2']);
    scene.sender.rewind(FIRST, 5);
    expect(scene.pump()).toEqual([]);
    scene.ack([[FIRST, 2]], WINDOW);
    expect(scene.pump()).toEqual(['a.1 3-4', 'a.1 5-6']);
  });
});

describe('a sender whose peer is behind the memory', () => {
  const scene = () =>
    new Scene({ tailBytes: 2 * SIZE, frameEntries: 3 }).append(FIRST, 10).commit();

  it('reads from storage, one range at a time, until memory takes over', () => {
    const behind = scene().begin();
    expect(behind.pump()).toEqual([]);
    expect(behind.pump()).toEqual([]);
    expect(behind.out.reads).toHaveLength(1);
    const all = [...behind.readBack(), ...behind.readBack(), ...behind.readBack()];
    // Three entries in memory fill a frame; read with their keys, two do.
    const upTo = all.map((line) => Number(line.split('-')[1]));
    expect(upTo.at(-1)).toBeGreaterThanOrEqual(6);
    for (let i = 0; i < 5; i++) all.push(...behind.readBack());
    expect(all[0]?.startsWith('a.1 1-')).toBe(true);
    expect(all.at(-1)).toBe('a.1 9-10');
  });

  it('tries again with the next pump if the range cannot be read', () => {
    const behind = scene().begin();
    behind.pump();
    expect(behind.readBack(() => ({ ok: false, reason: 'no' }))).toEqual([]);
    expect(behind.out.notes).toMatchObject([{ level: 'error', event: 'log-unreadable' }]);
    expect(behind.out.haltReason).toBeUndefined();
    behind.pump();
    expect(behind.readBack()[0]?.startsWith('a.1 1-')).toBe(true);
  });

  it('sends what precedes a damaged entry, and halts at it', () => {
    const behind = scene().begin();
    behind.storage.damage(logKey(0, FIRST, 2), 20);
    behind.pump();
    expect(behind.readBack()).toEqual(['a.1 1-1']);
    expect(behind.out.haltReason).toBeUndefined();
    expect(behind.readBack()).toEqual([]);
    expect(behind.out.haltReason).toContain('damaged at 2');
  });

  it('halts at a missing entry', () => {
    const behind = scene().begin();
    behind.storage.apply({ keys: [logKey(0, FIRST, 1)], values: [undefined] });
    behind.pump();
    expect(behind.readBack()).toEqual([]);
    expect(behind.out.haltReason).toContain('damaged at 1');
  });

  it('goes back while a read is under way, and drops that read', () => {
    const behind = scene().begin([[FIRST, 4]]);
    behind.pump();
    behind.sender.rewind(FIRST, 2);
    behind.pump();
    const [second] = behind.out.reads.splice(1);
    expect(second).toBeDefined();
    expect(behind.readBack()).toEqual([]);
    if (second !== undefined) behind.out.reads.push(second);
    expect(behind.readBack()[0]?.startsWith('a.1 2-')).toBe(true);
  });

  it('does not take a truncation during the read for damage if the peer no longer needs it', () => {
    const behind = scene().begin();
    behind.pump();
    behind.ack([[FIRST, 8]], WINDOW);
    behind.truncate(behind.lanes[0] as Lane, 8);
    behind.readBack();
    expect(behind.out.haltReason).toBeUndefined();
    behind.pump();
    expect(behind.readBack()).toEqual(['a.1 9-10', 'a.1 11-11']);
  });
});

describe('a sender whose peer lacks what is truncated', () => {
  const stranded = (): Scene => {
    const scene = new Scene().append(FIRST, 10).commit();
    scene.truncate(scene.lanes[0] as Lane, 6);
    return scene;
  };

  it('reports that once, and does not send', () => {
    const scene = stranded().begin([[FIRST, 3]]);
    expect(scene.pump()).toEqual(['a.1 behind 6']);
    expect(scene.pump()).toEqual([]);
    expect(scene.out.notes).toMatchObject([
      { event: 'peer-behind-log', fields: { peer: PEER, needs: 4, floor: 6 } },
    ]);
  });

  it('does not include one that lacks nothing above the floor', () => {
    expect(
      stranded()
        .begin([[FIRST, 6]])
        .pump(),
    ).toEqual(['a.1 7-11']);
  });

  it('continues once the peer got what it lacked from another holder', () => {
    const scene = stranded().begin([[FIRST, 3]]);
    expect(scene.pump()).toEqual(['a.1 behind 6']);
    scene.ack([[FIRST, 5]], WINDOW);
    expect(scene.pump()).toEqual([]);
    scene.ack([[FIRST, 7]], WINDOW);
    expect(scene.pump()).toEqual(['a.1 8-11']);
  });
});
