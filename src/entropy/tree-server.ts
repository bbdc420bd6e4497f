// Answers a peer that compares its hash tree with ours (tree-walk.ts). A frozen tree is kept for it
// for a while (tree-cut.ts) and no other state: the peer asks for one part after the other, and
// names each time what it wants, so it sets the pace. One page of records is read at a time.
//
// A tree that is in doubt, or whose cut is not durable yet, answers only that. A damaged record is
// named as such, never sent, and healed.
//
// Bounds: CUTS_MAX frozen trees at once, a request for one more is answered `unknown`; each is
// released when it was not used for CUT_IDLE_MS, and when both roots were found equal.

import { assert } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Now, Outbox, RangeEntry, RangeResult, Turn } from '../model/effect.ts';
import { decodeRecord } from '../model/encoding.ts';
import type { Key, NamespaceName } from '../model/id.ts';
import type {
  Position,
  StoredKey,
  TreeCutRequest,
  TreeKeysRequest,
  TreeRecordsRequest,
  TreeReply,
  TreeRequest,
} from '../model/message.ts';
import { encodedOf, isTombstone, latestOf, type Record } from '../model/record.ts';
import { parseRecordKey, positionOfKey, recordsBetween } from '../store/layout.ts';
import { FANOUT, LEAVES, type Leaves, leafOf } from '../store/leaves.ts';
import { SingleRead } from '../store/single-read.ts';
import type { Table } from '../store/table.ts';
import { type Cut, isSameDigest } from './tree-cut.ts';

export interface TreeServerOptions {
  readonly table: Table;
  readonly frameBytes: number;
  readonly heal: (namespace: NamespaceName, key: Key, turn: Turn) => void;
  /** Freezes the tree, if it is not in doubt. */
  readonly freeze: () => Cut | undefined;
  /** The root of the asker at the cut tells this replica as much as the asker. */
  readonly onRoot: (peer: number, isSame: boolean) => void;
}

interface Served {
  readonly cutId: number;
  readonly cut: Cut;
  /** The vector of this replica was sent. */
  isTold: boolean;
  untilMs: number;
}

interface Asked {
  readonly peer: number;
  readonly request: TreeKeysRequest;
}

/** Further requests are dropped; the asker gives up and tries again later. */
const WAITING_MAX = 64;
export const PAGE_BYTES = 256 * 1024;
/** The overhead of a message besides its list, and of a stored key besides its name. */
const MESSAGE_BYTES = 64;
const KEY_BYTES = 100;
const CUTS_MAX = 4;
const CUT_IDLE_MS = 10_000;

export class TreeServer {
  readonly #options: TreeServerOptions;
  readonly #waiting = createRing<Asked>();
  /** By peer. */
  readonly #served = new Map<number, Served>();
  readonly #reading = new SingleRead<Asked>((result, asked, turn) =>
    this.#onRead(result, asked, turn),
  );

  constructor(options: TreeServerOptions) {
    this.#options = options;
  }

  onCut(peer: number, { id }: TreeCutRequest, turn: Turn): void {
    this.#end(peer);
    const cut = this.#served.size < CUTS_MAX ? this.#options.freeze() : undefined;
    if (cut === undefined)
      return turn.send(peer, { kind: 'tree-cut', id, answer: 'unknown', vector: [] });
    const served = { cutId: id, cut, isTold: false, untilMs: turn.now.monoMs + CUT_IDLE_MS };
    this.#served.set(peer, served);
    assert(this.#served.size <= CUTS_MAX, 'tree server: frozen trees are bounded');
    this.#tell(peer, served, turn);
  }

  onTree(peer: number, request: TreeRequest, turn: Turn): void {
    const { id } = request;
    const served = this.#served.get(peer);
    const answer = served === undefined ? 'unknown' : this.#answer(served, request, turn.now);
    const isKnown = served !== undefined && answer === 'known';
    const digests = isKnown ? this.#digests(served.cut.leaves, request) : [];
    turn.send(peer, { kind: 'tree-reply', id, answer, digests });
    if (!isKnown || request.level !== 'root') return;
    const isSame = isSameDigest(served.cut.leaves.root(), request.root);
    this.#options.onRoot(peer, isSame);
    if (isSame) this.#end(peer);
  }

  /** More is durable: a vector may be sent now. */
  onDurable(out: Outbox): void {
    for (const [peer, served] of this.#served) if (!served.isTold) this.#tell(peer, served, out);
  }

  /** With every heartbeat: releases copies that no peer uses. */
  onBeat(now: Now): void {
    for (const [peer, { untilMs }] of this.#served) if (now.monoMs >= untilMs) this.#end(peer);
  }

  /**
   * A later connection, and a later incarnation of the peer, numbers its questions from the
   * beginning.
   */
  onDisconnected(peer: number, out: Outbox): void {
    this.#end(peer);
    for (let left = this.#waiting.size; left > 0; left--) {
      const asked = this.#waiting.shift();
      if (asked !== undefined && asked.peer !== peer) this.#waiting.push(asked);
    }
    if (this.#reading.about?.peer !== peer) return;
    this.#reading.cancel();
    this.#next(out);
  }

  onKeys(peer: number, request: TreeKeysRequest, out: Outbox): void {
    if (this.#waiting.size >= WAITING_MAX) return;
    this.#waiting.push({ peer, request });
    this.#next(out);
  }

  onRecords(peer: number, { id, keys }: TreeRecordsRequest, turn: Turn): void {
    const records: Record[] = [];
    let bytes = MESSAGE_BYTES;
    let taken = 0;
    for (const { namespace, key } of keys) {
      const cell = this.#options.table.read(namespace, key);
      const record = this.#options.table.cells.isDurable(cell) ? cell.record : undefined;
      if (cell.damaged) this.#options.heal(namespace, key, turn);
      bytes += record === undefined ? 0 : encodedOf(record).length;
      if (bytes > this.#options.frameBytes && taken > 0) break;
      taken++;
      if (record !== undefined) records.push(record);
    }
    turn.send(peer, { kind: 'tree-records', id, taken, records });
  }

  #onRead(result: RangeResult, { peer, request }: Asked, turn: Turn): void {
    if (result.ok) this.#list(peer, request, result, turn);
    else {
      const nothing = { keys: [], last: '', more: false } as const;
      turn.send(peer, { kind: 'tree-keys', id: request.id, answer: 'unknown', ...nothing });
    }
    this.#next(turn);
  }

  /** The vector of the frozen tree is sent only when the tree has reached it, durably. */
  #tell(peer: number, served: Served, out: Outbox): void {
    const { cut, cutId: id } = served;
    const state = cut.advance();
    if (state === 'waiting') return;
    assert(!served.isTold, 'tree server: a vector is sent once');
    served.isTold = true;
    const vector = state === 'known' ? [...cut.vector] : [];
    out.send(peer, { kind: 'tree-cut', id, answer: state, vector });
    if (state === 'unknown') this.#end(peer);
  }

  #answer(served: Served, { cutId, level, vector }: TreeRequest, now: Now): TreeReply['answer'] {
    const { cut } = served;
    if (cutId !== served.cutId || !served.isTold) return 'unknown';
    served.untilMs = now.monoMs + CUT_IDLE_MS;
    const isAgreed = level === 'root' ? cut.agree(vector) : cut.isFixed;
    return isAgreed ? cut.advance() : 'unknown';
  }

  #end(peer: number): void {
    this.#served.get(peer)?.cut.end();
    this.#served.delete(peer);
  }

  #digests(leaves: Leaves, { level, nodes, skip }: TreeRequest): number[] {
    if (level === 'root') return [...leaves.root()];
    const most = Math.max(Math.floor((this.#options.frameBytes - MESSAGE_BYTES) / 8), 1);
    const digests: number[] = [];
    const parents = level === 'inner' ? [0] : nodes;
    const end = Math.min(parents.length * FANOUT, skip + most);
    for (let at = skip; at < end; at++) {
      const parent = parents[Math.floor(at / FANOUT)] as number;
      const child = parent * FANOUT + (at % FANOUT);
      if (child >= LEAVES) return digests;
      digests.push(...(level === 'inner' ? leaves.inner(child) : leaves.leaf(child)));
    }
    return digests;
  }

  #next(out: Outbox): void {
    if (this.#reading.isUnderWay) return;
    const asked = this.#waiting.shift();
    if (asked === undefined) return;
    const { after, upTo } = asked.request;
    const span = recordsBetween(after, upTo === '' ? undefined : upTo);
    const source = this.#options.table.reads.in(out, 'durable');
    this.#reading.begin(span, { bytesMax: PAGE_BYTES }, asked, source);
  }

  #list(
    peer: number,
    { id, leaves, after }: TreeKeysRequest,
    { entries, more }: RangeResult & { ok: true },
    turn: Turn,
  ): void {
    const wanted = new Set(leaves);
    const keys: StoredKey[] = [];
    let last: Position = after;
    let bytes = 2 * MESSAGE_BYTES;
    for (const entry of entries) {
      const stored = storedKeyOf(entry, wanted);
      if (stored !== undefined) {
        bytes += KEY_BYTES + stored.namespace.length + 2 * stored.key.length;
        const isFull = bytes > this.#options.frameBytes && keys.length > 0;
        if (isFull) return this.#send(peer, id, keys, last, true, turn);
        keys.push(stored);
        if (stored.state === 'damaged') this.#options.heal(stored.namespace, stored.key, turn);
      }
      last = positionOfKey(entry.key);
    }
    this.#send(peer, id, keys, last, more, turn);
  }

  #send(
    peer: number,
    id: number,
    keys: readonly StoredKey[],
    last: Position,
    more: boolean,
    out: Outbox,
  ): void {
    out.send(peer, { kind: 'tree-keys', id, answer: 'known', keys, last, more });
  }
}

/** The name and version of a stored record, if it belongs to one of the leaves. */
export function storedKeyOf(
  { key: bytes, value }: RangeEntry,
  leaves: ReadonlySet<number>,
): StoredKey | undefined {
  const name = parseRecordKey(bytes);
  if (name === undefined || !leaves.has(leafOf(name.namespace, name.key))) return undefined;
  const record = decodeRecord(value);
  const isInPlace = record?.namespace === name.namespace && record.key === name.key;
  return isInPlace ? storedAs(record) : { ...name, state: 'damaged', hlc: 0, origin: '', seq: 0 };
}

export function storedAs(record: Record): StoredKey {
  const { namespace, key, hlc, origin, seq } = latestOf(record);
  const state = isTombstone(record) ? 'deleted' : 'live';
  return { namespace, key, state, hlc, origin, seq };
}
