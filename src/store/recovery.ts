// Start: reads the stored state before anything is answered.
//
//   meta -> tip -> origins -> tree -> verify -> held -> tombstones -> done
//
// `verify` reads one origin's log after the other, and replays what is behind its mark.
//
// Every entry above an origin's floor is read and verified: checksum, sequence, chain, and that the
// last one is the head that was written in its batch. A log that is not whole is never served or
// streamed: the replica halts and reports where, because the missing entries may have been
// acknowledged (rule S2). Logs that no member can have written are ignored: peers are not told of
// them. Tombstones are counted. An unreadable hash tree does not halt the replica: it is built
// again from the records.

import { assert, present, unreachable } from '../base/assert.ts';
import type { Ending, Now, Outbox, RangeEntry, RangeResult, Turn } from '../model/effect.ts';
import { isChained } from '../model/encoding.ts';
import { type Incarnation, type LaneId, parseOrigin, type Seq } from '../model/id.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Mutation } from '../model/record.ts';
import { lastOfRun } from '../model/run.ts';
import { byteString } from '../base/bytes.ts';
import { BLOCK_ENTRIES_MAX, decodeBlock } from './block.ts';
import type { Held } from './held.ts';
import { decodeLaneState, type Lane, LANE_EMPTY, type LaneState } from './lane.ts';
import { incarnationSpan, readIncarnation } from './incarnation.ts';
import {
  allHeld,
  allLeaves,
  allOrigins,
  allTombstones,
  behind,
  laneSpan,
  type Span,
} from './layout.ts';
import type { Log } from './log.ts';
import { SingleRead } from './single-read.ts';
import { decodeTip, type Tip, tipKey } from './tip.ts';
import type { HashTree } from './tree.ts';

const PAGE_ENTRIES = 4096;
const PAGE_BYTES = 4 * 1024 * 1024;

interface Verifying {
  readonly origin: LaneId;
  readonly state: LaneState;
  /** The last entry that the log must have. */
  readonly tip: Tip;
  seq: Seq;
  chain: number;
  /** The end of the run that contains the last entry. */
  runTo: Seq;
}

/** Selects the stored logs that are ignored (peer-check.ts). */
export type Park = (origins: readonly LaneId[], now: Now) => ReadonlySet<LaneId>;

/** Shows entries that the table in storage may lack. */
export interface Replay {
  begin(): void;
  show(lane: Lane, entry: Mutation, turn: Turn): void;
  /** All of them are shown. */
  end(): void;
  /** Index entries of tombstones that are in storage. */
  onTombstones(stored: readonly RangeEntry[]): void;
  /** There are no more of them. */
  onCounted(): void;
}

type RecoveryProgress = 'reading' | 'done' | 'damaged';

export class Recovery {
  readonly #log: Log;
  readonly #held: Held;
  readonly #tree: HashTree;
  readonly #metrics: Metrics;
  readonly #park: Park;
  readonly #replay: Replay;
  #step: 'meta' | 'tip' | 'origins' | 'tree' | 'verify' | 'held' | 'tombstones' | 'done' = 'meta';
  readonly #reading = new SingleRead<undefined>((result, _, turn) => this.#onRead(result, turn));
  readonly #onDone: (turn: Turn) => void;
  #tips: ReadonlyMap<LaneId, Tip> = new Map();
  #toVerify: Verifying[] = [];
  #verified = 0;
  #replayFromMs = 0;
  #isTreeRead = false;
  #span: Span = { from: new Uint8Array(0), to: new Uint8Array(0) };
  /** The last incarnation in this replica's storage. */
  incarnation: Incarnation = 0;

  constructor(
    log: Log,
    held: Held,
    tree: HashTree,
    metrics: Metrics,
    park: Park,
    replay: Replay,
    onDone: (turn: Turn) => void,
  ) {
    this.#replay = replay;
    this.#log = log;
    this.#held = held;
    this.#tree = tree;
    this.#metrics = metrics;
    this.#park = park;
    this.#onDone = onDone;
  }

  begin(out: Outbox): void {
    assert(this.#step === 'meta', 'recovery: begun once');
    this.#read(incarnationSpan(), out);
  }

  #onRead(result: RangeResult, turn: Turn): void {
    const progress =
      this.#step === 'tree' ? this.#takeLeaves(result, turn) : this.#take(result, turn);
    if (progress === 'done') this.#onDone(turn);
  }

  #take(result: RangeResult, turn: Turn): RecoveryProgress {
    if (!result.ok) {
      const { reason } = result;
      const ending = /corrupt/i.test(reason) ? 'damaged' : 'restart';
      return halt(turn, `storage cannot be read: ${reason}`, ending);
    }
    switch (this.#step) {
      case 'meta':
        return this.#takeMeta(result, turn);
      case 'tip':
        return this.#takeTip(result, turn);
      case 'origins':
        return this.#takeOrigins(result, turn);
      case 'verify':
        return this.#takeEntries(result, turn);
      case 'held':
        return this.#takeHeld(result, turn);
      case 'tombstones':
        return this.#takeTombstones(result, turn);
      case 'tree':
      case 'done':
        return 'done';
      default:
        return unreachable(this.#step);
    }
  }

  // meta -> tip
  #takeMeta(result: RangeResult & { ok: true }, out: Outbox): RecoveryProgress {
    const [entry] = result.entries;
    if (entry !== undefined) {
      const incarnation = readIncarnation(entry.value);
      if (incarnation === undefined) return halt(out, 'the incarnation in storage is damaged');
      this.incarnation = incarnation;
    }
    this.#step = 'tip';
    this.#read({ from: tipKey(), to: behind(tipKey()) }, out);
    return 'reading';
  }

  // tip -> origins
  #takeTip(result: RangeResult & { ok: true }, out: Outbox): RecoveryProgress {
    const [entry] = result.entries;
    const tips = entry === undefined ? new Map<LaneId, Tip>() : decodeTip(entry.value);
    if (tips === undefined) return halt(out, 'the vector in storage is damaged');
    this.#tips = tips;
    this.#step = 'origins';
    this.#read(allOrigins(), out);
    return 'reading';
  }

  // origins -> tree
  #takeOrigins(result: RangeResult & { ok: true }, turn: Turn): RecoveryProgress {
    for (const entry of result.entries) {
      const origin = parseOrigin(byteString(entry.key, 1, entry.key.length));
      const state = decodeLaneState(entry.value);
      if (origin === undefined || state === undefined)
        return halt(turn, 'the vector in storage is damaged');
      this.#toVerify.push(this.#verifying(origin, state));
    }
    if (result.more) return this.#readOn(result, turn);
    const known = new Set(this.#toVerify.map(({ origin }) => origin));
    for (const origin of this.#tips.keys())
      if (!known.has(origin)) this.#toVerify.push(this.#verifying(origin, LANE_EMPTY));
    this.#restore(turn);
    this.#step = 'tree';
    this.#read(allLeaves(), turn);
    return 'reading';
  }

  #verifying(origin: LaneId, state: LaneState): Verifying {
    const { floor, floorChain } = state;
    const tip = this.#tips.get(origin) ?? state;
    return { origin, state, tip, seq: floor, chain: floorChain, runTo: floor };
  }

  #restore(turn: Turn): void {
    const found = this.#toVerify.map(({ origin }) => origin);
    const parked = this.#park(found, turn.now);
    if (parked.size > 0) turn.note('error', 'logs-parked', { logs: parked.size });
    for (const { origin, tip } of this.#toVerify)
      if (parked.has(origin)) this.#log.parkTip(origin, tip);
    this.#toVerify = this.#toVerify.filter(({ origin }) => !parked.has(origin));
    for (const { origin, state } of this.#toVerify) this.#log.restore(origin, state);
  }

  #takeEntries(result: RangeResult & { ok: true }, out: Turn): RecoveryProgress {
    const lane = present(this.#toVerify[this.#verified], 'recovery: a log is verified');
    for (const { value } of result.entries) {
      for (const entry of decodeBlock(value)) {
        if (entry === undefined || !accept(lane, entry)) return haltDamaged(out, lane);
        if (entry.seq > lane.state.received) this.#replayEntry(lane, entry, out);
      }
      const { origin, seq, chain, runTo } = lane;
      if (runTo === seq) this.#log.lane(origin)?.noteEnd({ seq, chain });
    }
    if (result.more) return this.#readOn(result, out);
    const isWhole = lane.seq === lane.tip.received && lane.chain === lane.tip.chain;
    if (!isWhole || lane.runTo !== lane.seq) return haltDamaged(out, lane);
    this.#verified++;
    return this.#verifyNext(out);
  }

  /** The entries that the table in storage may lack. */
  #replayEntry({ origin }: Verifying, entry: Mutation, turn: Turn): void {
    const lane = present(this.#log.lane(origin), 'recovery: the lane is restored');
    this.#metrics.entriesReplayed++;
    this.#log.replay(lane, entry);
    this.#replay.show(lane, entry, turn);
  }

  // held -> tombstones
  #takeHeld(result: RangeResult & { ok: true }, out: Outbox): RecoveryProgress {
    for (const entry of result.entries) this.#held.restore(entry, out);
    if (result.more) return this.#readOn(result, out);
    this.#held.restored(out);
    this.#step = 'tombstones';
    this.#read(allTombstones(), out);
    return 'reading';
  }

  // tombstones -> done
  #takeTombstones(result: RangeResult & { ok: true }, out: Outbox): RecoveryProgress {
    this.#replay.onTombstones(result.entries);
    if (result.more) return this.#readOn(result, out);
    this.#replay.onCounted();
    if (this.incarnation === 0) this.#tree.beginEmpty(out);
    else this.#tree.restored(this.#isTreeRead, out);
    this.#step = 'done';
    return 'done';
  }

  // tree -> verify
  #takeLeaves(result: RangeResult, turn: Turn): RecoveryProgress {
    if (result.ok) for (const entry of result.entries) this.#tree.restore(entry);
    if (result.ok && result.more) return this.#readOn(result, turn);
    this.#isTreeRead = result.ok;
    this.#replay.begin();
    this.#replayFromMs = turn.now.monoMs;
    this.#step = 'verify';
    return this.#verifyNext(turn);
  }

  // verify -> verify | held
  #verifyNext(turn: Turn): RecoveryProgress {
    const lane = this.#toVerify[this.#verified];
    if (lane === undefined) {
      assert(this.#verified === this.#toVerify.length, 'recovery: every log was verified');
      this.#replay.end();
      this.#metrics.replaySeconds = (turn.now.monoMs - this.#replayFromMs) / 1000;
      this.#step = 'held';
      this.#read(allHeld(), turn);
      return 'reading';
    }
    const { state, tip } = lane;
    // The log has more entries than its head says: an entry that no batch explains is damage, too.
    this.#read(laneSpan(lane.origin, state.floor + 1, tip.received + BLOCK_ENTRIES_MAX), turn);
    return 'reading';
  }

  #readOn(result: RangeResult & { ok: true }, out: Outbox): RecoveryProgress {
    const last = present(result.entries.at(-1), 'recovery: a page that goes on is not empty');
    this.#read({ from: behind(last.key), to: this.#span.to }, out);
    return 'reading';
  }

  #read(span: Span, out: Outbox): void {
    this.#span = span;
    this.#reading.begin(span, { limit: PAGE_ENTRIES, bytesMax: PAGE_BYTES }, undefined, out);
  }
}

function accept(lane: Verifying, mutation: Mutation): boolean {
  if (mutation.origin !== lane.origin) return false;
  if (mutation.seq <= lane.state.floor) return true;
  if (mutation.seq !== lane.seq + 1 || !isChained(mutation, lane.chain)) return false;
  const { received, chain } = lane.state;
  if (mutation.seq === received && mutation.chain !== chain) return false;
  lane.seq = mutation.seq;
  lane.chain = mutation.chain;
  lane.runTo = lastOfRun(mutation);
  return true;
}

function haltDamaged(out: Outbox, lane: Verifying): RecoveryProgress {
  return halt(
    out,
    `the log of ${lane.origin} is not whole: verified up to ${lane.seq} of ${lane.tip.received}`,
  );
}

function halt(out: Outbox, reason: string, ending: Ending = 'damaged'): RecoveryProgress {
  out.halt(reason, ending);
  return 'damaged';
}
