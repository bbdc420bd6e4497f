import { describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import type { RangeResult } from '../../../src/model/effect.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import type { Mutation } from '../../../src/model/record.ts';
import { runName } from '../../../src/model/run.ts';
import type { Lane } from '../../../src/store/lane.ts';
import { logKey } from '../../../src/store/layout.ts';
import { Log } from '../../../src/store/log.ts';
import { LogCursor, type LogStep, type LogStepRead } from '../../../src/store/log-cursor.ts';
import { origin, run } from '../../support/build.ts';
import { commitLog, KeyMap } from '../../support/key-map.ts';
import { readBack } from '../../support/outbox.ts';

const A1 = origin('a.1');
const SIZE = (run(A1, 1)[0] as Mutation).bytes.length;
/** The storage port counts keys as well. */
const STORED = SIZE + logKey(0, A1, 1).length;

interface Setting {
  /** Entries that the log begins with. */
  readonly entries?: number;
  /** Of those, how many fit into memory. */
  readonly inMemory?: number;
  readonly bytesMax?: number;
  readonly at?: number;
  /** Which entries are a run: its first entry, and how many it has. */
  readonly runs?: readonly (readonly [number, number])[];
}

/** A lane in memory and in storage, a cursor in it, and what the cursor has returned. */
class Scene {
  readonly out = new HostTurn();
  readonly storage = new KeyMap();
  readonly log: Log;
  readonly lane: Lane;
  readonly cursor: LogCursor;
  readonly #source: readonly Mutation[];
  readonly #read: string[] = [];

  constructor({ entries = 10, inMemory = 100, bytesMax = 3 * SIZE, at = 1, runs = [] }: Setting) {
    const groupOf = (seq: number): string => {
      const found = runs.find(([first, count]) => seq >= first && seq < first + count);
      return found === undefined ? '' : runName(seq - found[0], found[1]);
    };
    this.#source = run(A1, 60, (seq) => ({ group: groupOf(seq), hlc: 1024 }));
    this.log = new Log(inMemory * SIZE, createMetrics());
    this.lane = this.log.open(A1);
    this.append(entries).commit();
    const onRead = (step: LogStepRead): void => void this.#read.push(told(step));
    this.cursor = new LogCursor({ lane: this.lane, at, bytesMax, onRead });
  }

  /** Each is a block of its own. */
  append(count: number): this {
    const { received } = this.lane;
    for (const entry of this.#source.slice(received, received + count)) {
      this.log.append(this.lane, entry, this.out);
      this.log.seal(this.out);
    }
    return this;
  }

  /** All are one block. */
  appendAsOne(count: number): this {
    for (const entry of this.#source.slice(0, count)) this.log.append(this.lane, entry, this.out);
    return this;
  }

  commit(): this {
    commitLog(this.log, this.storage, this.out);
    return this;
  }

  /** The entries below `floor` are removed from storage with the commit. */
  truncate(floor: number): this {
    this.log.truncate(this.lane, { seq: floor, chain: 0 }, this.out);
    this.append(1).commit();
    for (const { from, to } of this.out.clears.splice(0)) this.storage.clear(from, to);
    return this;
  }

  next(): string {
    return told(this.cursor.next(this.out));
  }

  /** Everything until the cursor stops, with all reads answered. */
  follow(): string[] {
    const steps: string[] = [];
    for (let step = this.next(); step !== 'end' && steps.length < 99; step = this.next()) {
      if (step === 'reading') steps.push(...this.readBack());
      else steps.push(step);
    }
    return steps;
  }

  /** Storage answers the read; returns what the owner gets. */
  readBack(change: (result: RangeResult) => RangeResult = (result) => result): string[] {
    readBack(this.out, (request) => change(this.storage.range(request)));
    return this.#read.splice(0);
  }
}

function told(step: LogStep | LogStepRead): string {
  if (step.kind === 'truncated') return `truncated ${step.floor}`;
  if (step.kind !== 'entries') return step.kind;
  const { entries } = step;
  const first = entries[0] as Mutation;
  entries.forEach(({ seq }, nth) => expect(seq).toBe(first.seq + nth));
  return `${first.seq}-${entries.at(-1)?.seq}`;
}

describe('a cursor on a lane in memory', () => {
  it('reads what fits into a step, then the rest, and is at the end until the lane grows', () => {
    const scene = new Scene({});
    expect([scene.next(), scene.next()]).toEqual(['1-3', '4-6']);
    expect(scene.follow()).toEqual(['7-9', '10-10']);
    expect(scene.next()).toBe('end');
    scene.append(2);
    expect(scene.next()).toBe('end');
    scene.commit();
    expect(scene.next()).toBe('11-12');
    expect(scene.cursor.at).toBe(13);
    expect(scene.out.reads).toEqual([]);
  });

  it('begins where it was put, also behind the end', () => {
    expect(new Scene({ at: 9 }).follow()).toEqual(['9-10']);
    expect(new Scene({ at: 40 }).next()).toBe('end');
  });

  it('reads one entry that is larger than a step', () => {
    expect(new Scene({ entries: 2, bytesMax: 1 }).follow()).toEqual(['1-1', '2-2']);
  });

  it('leaves out what its owner skips, and reads again what the owner goes back to', () => {
    const scene = new Scene({});
    scene.cursor.skipTo(8);
    expect(scene.next()).toBe('8-10');
    scene.cursor.rewind(4);
    expect(scene.next()).toBe('4-6');
  });

  it('reads a run whole, however large, from its beginning', () => {
    const runs = [[4, 5]] as const;
    expect(new Scene({ runs }).follow()).toEqual(['1-3', '4-8', '9-10']);
    expect(new Scene({ runs, at: 3 }).follow()).toEqual(['3-8', '9-10']);
    expect(new Scene({ runs, at: 6 }).follow()).toEqual(['4-8', '9-10']);
  });
});

describe('a cursor on a lane that is longer than memory', () => {
  it('reads storage, one range at a time, until memory takes over', () => {
    const scene = new Scene({ inMemory: 4, bytesMax: 3 * STORED });
    expect([scene.next(), scene.next()]).toEqual(['reading', 'reading']);
    expect(scene.out.reads).toHaveLength(1);
    expect(scene.readBack()).toEqual(['1-3']);
    expect(scene.cursor.at).toBe(4);
    expect(scene.next()).toBe('reading');
    expect(scene.readBack()).toEqual(['4-6']);
    expect(scene.next()).toBe('7-10');
    expect(scene.next()).toBe('end');
  });

  it('begins within a block, and reads what is behind its place there', () => {
    const scene = new Scene({ inMemory: 0, entries: 0 });
    scene.appendAsOne(10).commit();
    scene.cursor.skipTo(5);
    expect(scene.next()).toBe('reading');
    expect(scene.readBack()).toEqual(['5-10']);
  });

  it('reads only what is durable, and no more than a step at once', () => {
    const scene = new Scene({ inMemory: 0, bytesMax: 1 }).append(3);
    scene.next();
    const { from, bytesMax } = scene.out.reads[0]?.request ?? {};
    expect(from).toEqual(logKey(0, A1, 1));
    expect(bytesMax).toBe(1);
    expect(scene.readBack()).toEqual(['1-1']);
    expect(scene.follow().at(-1)).toBe('10-10');
  });

  it('reads a run that a step would cut once more, whole', () => {
    const setting = { inMemory: 0, bytesMax: 3 * STORED, runs: [[2, 6]] } as const;
    expect(new Scene(setting).follow()).toEqual(['1-1', '2-7', '8-10']);
    const within = new Scene({ ...setting, at: 4 });
    expect(within.next()).toBe('reading');
    expect(within.readBack()).toEqual([]);
    expect(within.cursor).toMatchObject({ at: 2, isReading: true });
    expect(within.readBack()).toEqual(['2-7']);
  });

  it('reports a failed read, and reads again on request', () => {
    const scene = new Scene({ inMemory: 0 });
    scene.next();
    expect(scene.readBack(() => ({ ok: false, reason: 'no' }))).toEqual(['unreadable']);
    expect(scene.cursor).toMatchObject({ at: 1, isReading: false });
    expect(scene.next()).toBe('reading');
    expect(scene.readBack()[0]).toMatch(/^1-/);
  });

  it('reads what precedes a damaged entry, and then reports the damage', () => {
    const scene = new Scene({ inMemory: 0, bytesMax: 9 * STORED });
    scene.storage.damage(logKey(0, A1, 3), 20);
    scene.next();
    expect(scene.readBack()).toEqual(['1-2']);
    scene.next();
    expect(scene.readBack()).toEqual(['damaged']);
    expect(scene.cursor.at).toBe(3);
  });

  it('reads nothing behind a gap', () => {
    const scene = new Scene({ inMemory: 0, bytesMax: 9 * STORED });
    scene.storage.apply({ keys: [logKey(0, A1, 3)], values: [undefined] });
    scene.next();
    expect(scene.readBack()).toEqual(['1-2']);
    scene.next();
    expect(scene.readBack()).toEqual(['damaged']);
  });

  it('reports a run that is not whole in storage as damaged, and reads no part of it', () => {
    const scene = new Scene({ inMemory: 0, bytesMax: 9 * STORED, at: 2, runs: [[2, 6]] });
    scene.storage.damage(logKey(0, A1, 5), 20);
    scene.next();
    expect(scene.readBack()).toEqual([]);
    expect(scene.readBack()).toEqual(['damaged']);
    expect(scene.cursor.at).toBe(2);
  });
});

describe('a cursor on a lane that is truncated', () => {
  it('reports up to where, until its owner skips that', () => {
    const scene = new Scene({}).truncate(6);
    expect([scene.next(), scene.next()]).toEqual(['truncated 6', 'truncated 6']);
    scene.cursor.skipTo(7);
    expect(scene.next()).toBe('7-9');
  });

  it('reads what is behind the floor', () => {
    expect(new Scene({ at: 7 }).truncate(6).next()).toBe('7-9');
  });
});

describe('a log that moves while a cursor reads', () => {
  const reading = (): Scene => {
    const scene = new Scene({ inMemory: 2, bytesMax: 9 * STORED });
    expect(scene.next()).toBe('reading');
    return scene;
  };

  it('because it grows: the read returns what was requested, and the new entries follow', () => {
    const scene = reading();
    scene.append(2).commit();
    expect(scene.readBack()).toEqual(['1-9']);
    expect(scene.follow().at(-1)).toBe('10-12');
  });

  it('because it is truncated below the place: the cursor reports where the log begins now', () => {
    const scene = reading();
    scene.truncate(4);
    expect(scene.readBack()).toEqual(['moved']);
    expect(scene.next()).toBe('truncated 4');
  });

  it('because its owner skips: the read is dropped, and the cursor continues at the new place', () => {
    const scene = reading();
    scene.cursor.skipTo(9);
    expect(scene.next()).toBe('reading');
    expect(scene.readBack()).toEqual(['moved']);
    expect(scene.next()).toBe('9-10');
  });

  it('because its owner goes back: the read is dropped, and another one begins', () => {
    const scene = new Scene({ inMemory: 2, bytesMax: 9 * STORED, at: 5 });
    scene.next();
    scene.cursor.rewind(3);
    expect(scene.next()).toBe('reading');
    const [, second] = scene.out.reads.splice(0);
    if (second === undefined) throw new Error('there is a second read');
    scene.out.reads.push(second);
    expect(scene.readBack()[0]).toMatch(/^3-/);
  });

  it('reports nothing to an owner that has cancelled', () => {
    const scene = reading();
    scene.cursor.cancel();
    expect(scene.cursor.isReading).toBe(false);
    expect(scene.readBack()).toEqual([]);
  });
});

describe('an owner that makes a mistake', () => {
  it('fails an assertion: a skip back, a rewind forward, a place before the first entry', () => {
    const { cursor, lane } = new Scene({ at: 5 });
    expect(() => cursor.skipTo(4)).toThrow('goes forward');
    expect(() => cursor.rewind(6)).toThrow('goes back');
    expect(() => cursor.rewind(0)).toThrow('before the first entry');
    const onRead = (): void => {};
    expect(() => new LogCursor({ lane, at: 0, bytesMax: 1, onRead })).toThrow('first entry');
  });
});
