// Answers a peer that compares its hash tree with ours (tree-walk.ts). Nothing is kept for the peer: it asks for one part
// after the other, and names each time what it wants, so it sets the pace. One page of records is read at a time.
//
// A tree that is in doubt, or that stands for what is not durable yet, says so and nothing else. A damaged record is named
// as such, never given, and healed.

import { createRing } from '../base/ring.ts';
import type { Now, Outbox, RangeEntry, RangeResult } from '../model/effect.ts';
import { decodeMutation } from '../model/encoding.ts';
import type { Key, NamespaceName } from '../model/id.ts';
import type {
  Digest,
  Position,
  StoredKey,
  TreeKeysRequest,
  TreeRecordsRequest,
  TreeRequest,
} from '../model/message.ts';
import type { Record } from '../model/record.ts';
import { parseRecordKey, positionOfKey, recordsBetween, type Span } from '../store/layout.ts';
import { FANOUT, LEAVES, leafOf } from '../store/leaves.ts';
import type { Table } from '../store/table.ts';
import type { HashTree } from '../store/tree.ts';

export interface TreeServerOptions {
  readonly tree: HashTree;
  readonly table: Table;
  readonly frameBytes: number;
  readonly range: (span: Span, bytesMax: number, out: Outbox) => number;
  readonly heal: (namespace: NamespaceName, key: Key, now: Now, out: Outbox) => void;
  /** What the tree stands for, if it is to be compared now. */
  readonly cut: () => Digest | undefined;
}

interface Asked {
  readonly peer: number;
  readonly request: TreeKeysRequest;
}

/** Further requests are dropped; who asks gives up and tries again another time. */
const WAITING_MAX = 64;
export const PAGE_BYTES = 256 * 1024;
/** What a message takes besides its list, and what a stored key takes besides its name. */
const MESSAGE_BYTES = 64;
const KEY_BYTES = 100;
const NOTHING: Digest = [0, 0];

export class TreeServer {
  readonly #options: TreeServerOptions;
  readonly #waiting = createRing<Asked>();
  #reading: (Asked & { readonly rangeId: number }) | undefined;

  constructor(options: TreeServerOptions) {
    this.#options = options;
  }

  onTree(peer: number, request: TreeRequest, out: Outbox): void {
    const { id } = request;
    const cut = this.#options.cut();
    if (cut === undefined) {
      out.send(peer, { kind: 'tree-reply', id, answer: 'unknown', cut: NOTHING, digests: [] });
    } else {
      const digests = this.#digests(request);
      out.send(peer, { kind: 'tree-reply', id, answer: 'known', cut, digests });
    }
  }

  onKeys(peer: number, request: TreeKeysRequest, out: Outbox): void {
    if (this.#waiting.size >= WAITING_MAX) return;
    this.#waiting.push({ peer, request });
    this.#next(out);
  }

  onRecords(peer: number, { id, keys }: TreeRecordsRequest, now: Now, out: Outbox): void {
    const records: Record[] = [];
    let bytes = MESSAGE_BYTES;
    let taken = 0;
    for (const { namespace, key } of keys) {
      const cell = this.#options.table.read(namespace, key);
      const record = this.#options.table.isDurable(cell) ? cell.record : undefined;
      if (cell.damaged) this.#options.heal(namespace, key, now, out);
      bytes += record?.bytes.length ?? 0;
      if (bytes > this.#options.frameBytes && taken > 0) break;
      taken++;
      if (record !== undefined) records.push(record);
    }
    out.send(peer, { kind: 'tree-records', id, taken, records });
  }

  /** True when the answer was meant for this. */
  onRange(id: number, result: RangeResult, now: Now, out: Outbox): boolean {
    const reading = this.#reading;
    if (reading?.rangeId !== id) return false;
    this.#reading = undefined;
    const { peer, request } = reading;
    if (result.ok) this.#list(peer, request, result, now, out);
    else {
      const nothing = { keys: [], last: '', more: false } as const;
      out.send(peer, { kind: 'tree-keys', id: request.id, answer: 'unknown', ...nothing });
    }
    this.#next(out);
    return true;
  }

  #digests({ level, nodes, skip }: TreeRequest): number[] {
    const { leaves } = this.#options.tree;
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
    if (this.#reading !== undefined) return;
    const asked = this.#waiting.shift();
    if (asked === undefined) return;
    const { after, upTo } = asked.request;
    const rangeId = this.#options.range(
      recordsBetween(after, upTo === '' ? undefined : upTo),
      PAGE_BYTES,
      out,
    );
    this.#reading = { ...asked, rangeId };
  }

  #list(
    peer: number,
    { id, leaves, after }: TreeKeysRequest,
    { entries, more }: RangeResult & { ok: true },
    now: Now,
    out: Outbox,
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
        if (isFull) return this.#send(peer, id, keys, last, true, out);
        keys.push(stored);
        if (stored.state === 'damaged') this.#options.heal(stored.namespace, stored.key, now, out);
      }
      last = positionOfKey(entry.key);
    }
    this.#send(peer, id, keys, last, more, out);
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

/** What a stored record says of itself, if it belongs to one of the leaves. */
export function storedKeyOf(
  { key: bytes, value }: RangeEntry,
  leaves: ReadonlySet<number>,
): StoredKey | undefined {
  const name = parseRecordKey(bytes);
  if (name === undefined || !leaves.has(leafOf(name.namespace, name.key))) return undefined;
  const record = decodeMutation(value);
  const isInPlace = record?.namespace === name.namespace && record.key === name.key;
  return isInPlace ? storedAs(record) : { ...name, state: 'damaged', hlc: 0, origin: '', seq: 0 };
}

export function storedAs({ namespace, key, operation, hlc, origin, seq }: Record): StoredKey {
  const state = operation === 'delete' ? 'deleted' : 'live';
  return { namespace, key, state, hlc, origin, seq };
}
