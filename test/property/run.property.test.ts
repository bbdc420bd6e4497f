// Runs in streams: no message and no log ends within a run, whatever the sizes of frames, windows
// and memory, and wherever links are cut.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostTurn } from '../../src/host/turn.ts';
import { createHybridClock, hlcFromMs } from '../../src/model/hlc.ts';
import type { Message } from '../../src/model/message.ts';
import { createMetrics } from '../../src/model/metrics.ts';
import type { Mutation } from '../../src/model/record.ts';
import {
  firstOfRun,
  isRunName,
  lastOfRun,
  RUN_ENTRIES_MAX,
  runLength,
  runName,
  wholeRuns,
} from '../../src/model/run.ts';
import { Held } from '../../src/store/held.ts';
import { heldKey, allHeld } from '../../src/store/layout.ts';
import { Log } from '../../src/store/log.ts';
import { PullServer } from '../../src/stream/pull-server.ts';
import { Receiver } from '../../src/stream/receiver.ts';
import { PeerSender } from '../../src/stream/sender.ts';
import { bytes, mutation, origin } from '../support/build.ts';
import { commitLog, KeyMap } from '../support/key-map.ts';
import { readBack, sent } from '../support/outbox.ts';

const A1 = origin('a.1');
const WALL_MS = 1000;
const DRIFT_MS = 500;

/** A log of runs of these lengths; 1 is a single entry. */
function logOf(lengths: readonly number[], sizes: readonly number[] = [1]): Mutation[] {
  const entries: Mutation[] = [];
  let chain = 0;
  for (const [at, length] of lengths.entries()) {
    for (let index = 0; index < length; index++) {
      const seq = entries.length + 1;
      const value = bytes('v'.repeat(sizes[seq % sizes.length] as number));
      const group = runName(index, length);
      const entry = mutation({ origin: A1, seq, hlc: hlcFromMs(at + 1), group, value }, chain);
      chain = entry.chain;
      entries.push(entry);
    }
  }
  return entries;
}

const lengths = fc.array(fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 12 })), {
  minLength: 1,
  maxLength: 12,
});
const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 });
const bounds = fc.record({
  frameBytes: fc.integer({ min: 1, max: 3000 }),
  windowBytes: fc.integer({ min: 1, max: 5000 }),
  tailBytes: fc.integer({ min: 0, max: 5000 }),
});

interface Store {
  readonly log: Log;
  readonly out: HostTurn;
  readonly disk: KeyMap;
  commit(): void;
  /** Answers the reads in the background. */
  readBack(): boolean;
}

function storeOf(tailBytes: number): Store {
  const out = new HostTurn();
  const disk = new KeyMap();
  const log = new Log(tailBytes, createMetrics());
  return {
    log,
    out,
    disk,
    commit: () => commitLog(log, disk, out),
    readBack: () => readBack(out, (request) => disk.range(request)),
  };
}

function fill(store: Store, entries: readonly Mutation[]): void {
  const { log, out } = store;
  for (const entry of entries) {
    log.append(log.open(A1), entry, out);
    if (lastOfRun(entry) === entry.seq) store.commit();
  }
}

function receiverOf({ log }: Store, held = new Held(1e6)): Receiver {
  return new Receiver({
    log,
    waiting: held,
    clock: createHybridClock(DRIFT_MS),
    metrics: createMetrics(),
    room: { spend: () => {} },
    delivery: { offer: () => 'shown' },
  });
}

function isWhole(entries: readonly Mutation[]): boolean {
  const [first] = entries;
  return (
    first !== undefined && firstOfRun(first) === first.seq && wholeRuns(entries) === entries.length
  );
}

const entriesIn = (message: Message): readonly Mutation[] =>
  message.kind === 'entries' ? message.entries : [];

describe('a stream', () => {
  it('ends each message and each log behind a run, whatever the bounds are', () => {
    fc.assert(
      fc.property(
        lengths,
        sizes,
        bounds,
        (each, values, { frameBytes, windowBytes, tailBytes }) => {
          const entries = logOf(each, values);
          const source = storeOf(tailBytes);
          fill(source, entries);
          const target = storeOf(1e6);
          const receiver = receiverOf(target);
          const lane = source.log.open(A1);
          const metrics = createMetrics();
          const sender = new PeerSender({
            peer: 1,
            frameBytes,
            metrics,
            lanes: [lane],
          });
          sender.begin([], windowBytes);
          for (let goesOn = true; goesOn; ) {
            sender.pump(source.out);
            goesOn = source.readBack();
            for (const { message } of sent(source.out)) {
              goesOn = true;
              expect(isWhole(entriesIn(message))).toBe(true);
              expect(
                receiver.onEntries(A1, entriesIn(message), WALL_MS, target.out),
              ).toBeUndefined();
            }
            target.commit();
            const head = target.log.received(A1);
            if (head > 0) expect(lastOfRun(entries[head - 1] as Mutation)).toBe(head);
            sender.onHeld([[A1, head]]);
          }
          expect(target.log.received(A1)).toBe(entries.length);
          expect(source.out.haltReason).toBeUndefined();
        },
      ),
    );
  });

  it('that has to go back into a run sends it again from its beginning', () => {
    fc.assert(
      fc.property(lengths, bounds, fc.nat(), (each, { frameBytes, tailBytes }, at) => {
        const entries = logOf(each);
        const source = storeOf(tailBytes);
        fill(source, entries);
        const lanes = [source.log.open(A1)];
        const options = { peer: 1, frameBytes, metrics: createMetrics(), lanes };
        const sender = new PeerSender(options);
        const drain = (): (readonly Mutation[])[] => {
          const messages: (readonly Mutation[])[] = [];
          do {
            sender.pump(source.out);
            messages.push(...sent(source.out).map(({ message }) => entriesIn(message)));
          } while (source.readBack());
          messages.push(...sent(source.out).map(({ message }) => entriesIn(message)));
          return messages;
        };
        sender.begin([], 1e9);
        drain();
        const from = 1 + (at % entries.length);
        sender.rewind(A1, from);
        const again = drain();
        expect(again.every(isWhole)).toBe(true);
        expect(again[0]?.[0]?.seq).toBe(firstOfRun(entries[from - 1] as Mutation));
        expect(again.flat().at(-1)?.seq).toBe(entries.length);
      }),
    );
  });
});

describe('a pull', () => {
  it('from any position is answered with whole runs', () => {
    fc.assert(
      fc.property(lengths, sizes, bounds, fc.nat(5000), (each, values, limits, bytesMax) => {
        const entries = logOf(each, values);
        const source = storeOf(limits.tailBytes);
        fill(source, entries);
        const server = new PullServer(source.log, limits.frameBytes);
        for (let from = 1; from <= entries.length; from++) {
          server.onPull(1, { kind: 'pull', origin: A1, from, bytesMax }, source.out);
          while (source.readBack());
          const answers = sent(source.out);
          expect(answers).toHaveLength(1);
          const answer = entriesIn((answers[0] as { message: Message }).message);
          expect(isWhole(answer)).toBe(true);
          expect(answer[0]?.seq).toBe(firstOfRun(entries[from - 1] as Mutation));
        }
      }),
    );
  });
});

describe('a receiver', () => {
  it('takes a run whole or not at all, however messages are cut', () => {
    fc.assert(
      fc.property(
        lengths,
        fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 30 }),
        (each, cuts) => {
          const entries = logOf(each);
          const target = storeOf(1e6);
          const receiver = receiverOf(target);
          for (const [a, b] of cuts) {
            const [from = 0, to = 0] = [a % entries.length, b % (entries.length + 1)].sort(
              (x, y) => x - y,
            );
            receiver.onEntries(A1, entries.slice(from, to), WALL_MS, target.out);
            const head = target.log.received(A1);
            if (head > 0) expect(lastOfRun(entries[head - 1] as Mutation)).toBe(head);
          }
        },
      ),
    );
  });

  it('refuses a run with one wrong entry, and logs nothing of it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), fc.nat(), fc.nat(2), (length, nth, how) => {
        const entries = logOf([1, length]);
        const at = 1 + (nth % length);
        const { seq, group, hlc } = entries[at] as Mutation;
        const changed = [
          { group: runName(0, length + 1) },
          { hlc: hlc + 2 },
          { value: bytes('other') },
        ][how];
        const base = { origin: A1, seq, group, hlc };
        entries[at] = mutation({ ...base, ...changed }, (entries[at - 1] as Mutation).chain);
        // An entry after one that was changed does not chain to it.
        if (how === 2 && at === length) return;
        const target = storeOf(1e6);
        const refusal = receiverOf(target).onEntries(A1, entries, WALL_MS, target.out);
        expect(refusal).toBeDefined();
        expect(target.log.received(A1)).toBe(1);
      }),
    );
  });

  it('holds a run that is stamped ahead as a whole, and hands it over as a whole', () => {
    fc.assert(
      fc.property(lengths, fc.nat(3000), (each, roomBytes) => {
        const entries = logOf(each);
        const target = storeOf(1e6);
        const held = new Held(roomBytes);
        const receiver = receiverOf(target, held);
        // All stamps are ahead of a clock that has just begun.
        receiver.onEntries(A1, entries, -DRIFT_MS, target.out);
        const last = held.last(A1);
        if (last !== undefined) expect(lastOfRun(last)).toBe(last.seq);
        target.commit();
        const restored = new Held(roomBytes);
        const all = { ...allHeld(), reverse: false, limit: 1e6, bytesMax: 1e9 };
        for (const entry of target.disk.range(all).entries) restored.restore(entry, target.out);
        restored.restored(target.out);
        expect(restored.upTo(A1)).toBe(held.upTo(A1));
        for (let ms = 1; ms <= each.length; ms++) {
          const isAhead = ({ hlc }: Mutation) => hlc > hlcFromMs(ms);
          held.release(
            isAhead,
            (_origin, due) => {
              expect(isWhole(due)).toBe(true);
              receiver.onEntries(A1, due, ms, target.out);
              return target.log.received(A1);
            },
            target.out,
          );
        }
        expect(held.count).toBe(0);
        expect(target.log.received(A1)).toBe(last?.seq ?? 0);
      }),
    );
  });

  it('drops a waiting run of which storage has lost an entry', () => {
    const entries = logOf([1, 4, 1]);
    const target = storeOf(1e6);
    const held = new Held(1e6);
    held.keep(entries.slice(0, 1), target.out);
    held.keep(entries.slice(1, 5), target.out);
    held.keep(entries.slice(5), target.out);
    target.commit();
    target.disk.damage(heldKey(A1, 4), 20);
    const restored = new Held(1e6);
    const all = { ...allHeld(), reverse: false, limit: 1e6, bytesMax: 1e9 };
    for (const entry of target.disk.range(all).entries) restored.restore(entry, target.out);
    restored.restored(target.out);
    expect(restored.upTo(A1)).toBe(1);
    target.commit();
    expect(target.disk.range(all).entries).toHaveLength(1);
  });
});

describe('the name of a place in a run', () => {
  it('states where the run begins and ends', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: RUN_ENTRIES_MAX }), fc.nat(), (count, n) => {
        const index = n % count;
        const entry = { seq: 5000 + index, group: runName(index, count) };
        expect(isRunName(entry.group)).toBe(true);
        expect([firstOfRun(entry), lastOfRun(entry)]).toEqual([5000, 5000 + count - 1]);
      }),
    );
  });

  it.each([
    '@',
    '@1/1',
    '@2/2',
    '@0/1001',
    '@-1/2',
    '@01/2',
    '@0/2 ',
    'group-1',
    '@0/1e3',
    '@0/2/3',
  ])('is not %s', (group) => {
    expect(isRunName(group)).toBe(false);
    expect(runLength([mutation({ group })], 0)).toBe(1);
  });
});
