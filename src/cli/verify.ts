// Checks everything that a replica has stored, without running the replica:
//
// (1) Every value passes its checksum and is stored under the key that it names.
// (2) Each origin's log is whole: from its floor to its head without a gap, each entry chained to
//     the one before it, with the chain of its mark, and ending in the chain that the commit of its
//     head wrote.
// (3) What a log entry up to the mark wrote is in the records: the record of its key is that entry
//     or a later version, or its delete was forgotten. A start replays the entries behind the mark.
// (4) Each leaf of the hash tree is the sum of its records: no record has disappeared or changed
//     without an error.

import { byteString, equalBytes } from '../base/bytes.ts';
import { decodeMutation, decodeRecord, isChained } from '../model/encoding.ts';
import { type LaneId, type Origin, parseOrigin, type Seq } from '../model/id.ts';
import { UNREADABLE } from '../model/port.ts';
import { isTombstone, latestOf, type Mutation, type Record, recordOf } from '../model/record.ts';
import { firstOfRun, lastOfRun } from '../model/run.ts';
import { includes, merge } from '../conflict/merge.ts';
import { decodeBlock } from '../store/block.ts';
import { unseal } from '../store/envelope.ts';
import { decodeLaneState, LANE_EMPTY, type LaneState } from '../store/lane.ts';
import {
  allOrigins,
  logKey,
  originKey,
  parseLogKey,
  positionOf,
  recordKey,
} from '../store/layout.ts';
import { LEAVES, Leaves, leafOf } from '../store/leaves.ts';
import { forgottenMark, readForgotten } from '../store/table.ts';
import { decodeTip, type Tip, tipKey } from '../store/tip.ts';
import { HashTree } from '../store/tree.ts';

interface StoredEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** The stored data as this check reads it. Both functions throw if the storage cannot be read. */
export interface StoredData {
  /** [from, to) in the order of the keys. */
  scan(from: Uint8Array, to: Uint8Array): AsyncIterable<StoredEntry>;
  get(key: Uint8Array): Uint8Array | undefined;
}

interface Damage {
  readonly where: string;
  readonly reason: string;
}

interface OriginReport {
  readonly origin: LaneId;
  /** Entries up to here were truncated. */
  readonly floor: Seq;
  readonly head: Seq;
  /** Entries that are stored under the right key, and the blocks of them. */
  readonly entries: number;
  readonly blocks: number;
  /** Entries behind the mark of the last checkpoint. */
  readonly toReplay: number;
}

export interface Report {
  readonly ok: boolean;
  readonly origins: readonly OriginReport[];
  readonly records: number;
  readonly tombstones: number;
  /** Idempotency keys, and values about the replica itself. */
  readonly others: number;
  readonly damages: number;
  /** The first damages found, up to a bound. */
  readonly damaged: readonly Damage[];
}

const DAMAGED_SHOWN_MAX = 100;
const FIRST = Uint8Array.of(0);
const LAST = Uint8Array.of(0xff);

interface Lane {
  readonly origin: LaneId;
  readonly state: LaneState;
  seq: Seq;
  chain: number;
  entries: number;
  blocks: number;
  /** The end of the run that contains the last entry. */
  runTo: Seq;
  /** The head of the log, where its entries must end. */
  readonly tip: Tip;
}

function laneOf(origin: LaneId, state: LaneState, tip: Tip): Lane {
  const { floor, floorChain } = state;
  const nothing = { entries: 0, blocks: 0 };
  return { origin, state, tip, seq: floor, chain: floorChain, runTo: floor, ...nothing };
}

export async function verifyStored(data: StoredData): Promise<Report> {
  const verification = new Verification(data);
  await verification.run();
  return verification.report();
}

class Verification {
  readonly #data: StoredData;
  readonly #lanes = new Map<string, Lane>();
  #tips: ReadonlyMap<LaneId, Tip> = new Map();
  readonly #damaged: Damage[] = [];
  readonly #tree = new HashTree();
  readonly #sums = new Leaves();
  #damages = 0;
  #records = 0;
  #tombstones = 0;
  /** The newest entry of each key that has no record. */
  readonly #missing = new Map<string, Record>();
  #others = 0;

  constructor(data: StoredData) {
    this.#data = data;
  }

  async run(): Promise<void> {
    this.#takeTips();
    const origins = allOrigins();
    await this.#each(origins.from, origins.to, (entry) => this.#takeOrigin(entry));
    for (const [origin, tip] of this.#tips)
      if (!this.#lanes.has(origin)) this.#lanes.set(origin, laneOf(origin, LANE_EMPTY, tip));
    await this.#each(FIRST, LAST, (entry) => this.#takeEntry(entry));
    for (const lane of this.#lanes.values()) this.#closeLane(lane);
    for (const entry of this.#missing.values()) this.#judgeMissing(entry);
    this.#closeTree();
  }

  report(): Report {
    return {
      ok: this.#damages === 0,
      origins: [...this.#lanes.values()].map(({ origin, state, tip, entries, blocks }) => {
        const toReplay = tip.received - state.received;
        return { origin, floor: state.floor, head: tip.received, entries, blocks, toReplay };
      }),
      records: this.#records,
      tombstones: this.#tombstones,
      others: this.#others,
      damages: this.#damages,
      damaged: this.#damaged,
    };
  }

  async #each(from: Uint8Array, to: Uint8Array, take: (entry: StoredEntry) => void): Promise<void> {
    let last = from;
    try {
      for await (const entry of this.#data.scan(from, to)) {
        take(entry);
        last = entry.key;
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#complain(`behind ${describeKey(last)}`, `the storage cannot be read: ${reason}`);
    }
  }

  #takeOrigin({ key, value }: StoredEntry): void {
    const origin = parseOrigin(byteString(key, 1, key.length));
    const state = decodeLaneState(value);
    if (origin === undefined || state === undefined) {
      this.#complain(describeKey(key), 'the stored state of this log is damaged');
      return;
    }
    this.#lanes.set(origin, laneOf(origin, state, this.#tips.get(origin) ?? state));
  }

  #takeTips(): void {
    const stored = this.#read(tipKey());
    if (stored === undefined || stored === 'unreadable') return;
    const tips = decodeTip(stored);
    if (tips === undefined) this.#complain('the heads of the logs', 'the value is damaged');
    else this.#tips = tips;
  }

  #takeEntry({ key, value }: StoredEntry): void {
    switch (kindOf(key)) {
      case 'log':
        this.#takeLogEntry(key, value);
        return;
      case 'record':
        this.#takeRecord(key, value);
        return;
      case 'held':
        this.#others++;
        if (decodeMutation(value) === undefined)
          this.#complain(describeKey(key), 'the value is damaged');
        return;
      case 'sealed':
        this.#others++;
        if (unseal(value) === undefined) this.#complain(describeKey(key), 'the value is damaged');
        return;
      case 'leaf':
        this.#others++;
        if (unseal(value) === undefined) this.#complain(describeKey(key), 'the value is damaged');
        else this.#tree.restore({ key, value });
        return;
      case 'mark':
        if (value.length > 0) this.#complain(describeKey(key), 'the value is damaged');
        return;
      case 'origin':
        return;
      case 'unknown':
        this.#complain(describeKey(key), 'unknown key prefix');
    }
  }

  #takeLogEntry(key: Uint8Array, value: Uint8Array): void {
    const entries: Mutation[] = [];
    for (const entry of decodeBlock(value)) {
      if (entry === undefined) return this.#complain(describeKey(key), 'the log entry is damaged');
      entries.push(entry);
    }
    const last = entries[entries.length - 1];
    if (last === undefined || !equalBytes(key, logKey(last.lane, last.origin, last.seq))) {
      this.#complain(describeKey(key), 'the log entry is stored under the wrong key');
      return;
    }
    const lane = this.#lanes.get(last.origin);
    if (lane === undefined) return this.#complain(describeKey(key), 'this log has no stored head');
    if (last.seq > lane.state.floor) lane.blocks++;
    for (const entry of entries) if (entry.seq > lane.state.floor) this.#follow(lane, entry);
  }

  #follow(lane: Lane, mutation: Mutation): void {
    const { origin, seq } = mutation;
    const where = `log ${origin}`;
    if (seq > lane.tip.received) {
      this.#complain(where, `entry ${seq} is stored behind the head, ${lane.tip.received}`);
      return;
    }
    if (seq !== lane.seq + 1) this.#complain(where, `${span(lane.seq + 1, seq - 1)} missing`);
    else if (!isChained(mutation, lane.chain)) {
      this.#complain(where, `entry ${seq} does not follow the one before it`);
    }
    if (seq === lane.state.floor + 1 && firstOfRun(mutation) < seq)
      this.#complain(where, `it begins within the run of entry ${seq}`);
    lane.seq = seq;
    lane.chain = mutation.chain;
    lane.runTo = lastOfRun(mutation);
    lane.entries++;
    const { received: marked, chain } = lane.state;
    if (seq === marked && mutation.chain !== chain)
      this.#complain(where, `entry ${seq} is not the one that the last checkpoint has marked`);
    if (seq <= marked) this.#requireRecord(mutation);
  }

  #requireRecord(entry: Mutation): void {
    const { namespace, key, origin, seq } = entry;
    const written = recordOf(entry);
    const bytes = this.#read(recordKey(namespace, key));
    if (bytes === 'unreadable') return;
    const record = bytes === undefined ? undefined : decodeRecord(bytes);
    // A damaged record is reported when the scan reaches its key.
    if (bytes !== undefined && record === undefined) return;
    if (record === undefined) {
      const at = positionOf(entry);
      this.#missing.set(at, merge(this.#missing.get(at), written));
    } else if (!includes(record, written)) {
      this.#complain(
        `record of ${origin}.${seq}`,
        'the stored record is older than this log entry',
      );
    }
  }

  /** A missing tombstone is no damage if the replica has forgotten deletes up to its stamp. */
  #judgeMissing(missing: Record): void {
    const { origin, seq, hlc } = latestOf(missing);
    const mark = this.#read(forgottenMark());
    const forgotten = mark === 'unreadable' ? UNREADABLE : mark;
    if (hlc <= readForgotten(forgotten)) return;
    this.#complain(`record of ${origin}.${seq}`, 'the record that this entry wrote is missing');
  }

  #read(key: Uint8Array): Uint8Array | undefined | 'unreadable' {
    try {
      return this.#data.get(key);
    } catch {
      this.#complain(describeKey(key), 'the storage cannot read this value');
      return 'unreadable';
    }
  }

  #takeRecord(key: Uint8Array, value: Uint8Array): void {
    const record = decodeRecord(value);
    if (record === undefined) this.#complain(describeKey(key), 'the record is damaged');
    else if (!equalBytes(key, recordKey(record.namespace, record.key))) {
      this.#complain(describeKey(key), 'the record is stored under the wrong key');
    } else if (isTombstone(record)) this.#tombstones++;
    else this.#records++;
    if (record !== undefined) this.#sums.toggle(leafOf(record.namespace, record.key), record);
  }

  /** A tree that is marked as doubtful is not compared with the records. */
  #closeTree(): void {
    if (!this.#tree.isTrusted) return;
    for (let leaf = 0; leaf < LEAVES; leaf++)
      if (!this.#tree.leaves.isSame(this.#sums, leaf))
        this.#complain(`leaf ${leaf} of the hash tree`, 'it does not match the records on disk');
  }

  #closeLane({ origin, tip, seq, chain, runTo }: Lane): void {
    const where = `log ${origin}`;
    if (seq < tip.received) {
      this.#complain(where, `${span(seq + 1, tip.received)} missing at the end`);
    } else if (seq === tip.received && chain !== tip.chain) {
      this.#complain(where, `entry ${seq} is not the head that its commit wrote`);
    } else if (runTo > seq) {
      this.#complain(where, `it ends within a run, which goes up to entry ${runTo}`);
    }
  }

  #complain(where: string, reason: string): void {
    this.#damages++;
    if (this.#damaged.length < DAMAGED_SHOWN_MAX) this.#damaged.push({ where, reason });
  }
}

function span(from: Seq, to: Seq): string {
  return from === to ? `entry ${from} is` : `entries ${from} to ${to} are`;
}

type KeyKind = 'log' | 'held' | 'record' | 'sealed' | 'mark' | 'leaf' | 'origin' | 'unknown';

/** By the leading byte (store/layout.ts). */
const KINDS: { readonly [byte: string]: KeyKind } = {
  l: 'log',
  h: 'held',
  r: 'record',
  i: 'sealed',
  j: 'mark',
  m: 'sealed',
  t: 'leaf',
  o: 'origin',
  e: 'mark',
  x: 'sealed',
};

function kindOf(key: Uint8Array): KeyKind {
  return KINDS[byteString(key, 0, Math.min(1, key.length))] ?? 'unknown';
}

/** Enough to find the entry. A record's key may hold any bytes, so it is shown in hex. */
function describeKey(key: Uint8Array): string {
  const kind = kindOf(key);
  const name = kind === 'log' ? parseLogKey(key) : undefined;
  if (name !== undefined) return `log ${name.origin}, entry ${name.seq}`;
  if (kind === 'origin' && key.length > originKey('' as Origin).length) {
    return `log ${byteString(key, 1, key.length)}`;
  }
  if (kind !== 'record') return `${kind} ${Buffer.from(key).toString('hex').slice(0, 80)}`;
  const end = key.indexOf(0);
  const digest = Buffer.from(key.subarray(end + 1))
    .toString('hex')
    .slice(0, 64);
  return `record in ${byteString(key, 1, Math.max(end, 1))}, key ${digest} (hex)`;
}
