// How far the logs go behind the mark: one small value, written with every block. A start compares
// it with the blocks that it finds, so it notices a log whose end storage has lost (rule S2 in
// docs/storage.md).
//
// A lane of which nothing is behind the mark is left out: its state says how far it goes.

import { assert } from '../base/assert.ts';
import type { ByteReader } from '../base/bytes.ts';
import { type LaneId, parseOrigin, type Seq } from '../model/id.ts';
import { seal, unseal } from './envelope.ts';
import { decodeLaneState } from './lane.ts';
import { metaKey, originKey } from './layout.ts';
import { type PointRead, UNREADABLE } from '../model/port.ts';

export interface Tip {
  readonly received: Seq;
  readonly chain: number;
}

export interface TipOf extends Tip {
  readonly id: LaneId;
}

const TIP = metaKey('tip');
const NAME_BYTES_MAX = 100;

export function tipKey(): Uint8Array {
  return TIP;
}

export function encodeTip(lanes: Iterable<TipOf>): Uint8Array {
  return seal((into) => {
    for (const { id, received, chain } of lanes) {
      assert(received > 0, 'tip: a log goes behind its mark');
      into.text(id);
      into.varint(received);
      into.u64(chain);
    }
  });
}

/** By lane; `undefined` where it is damaged. */
export function decodeTip(bytes: Uint8Array): ReadonlyMap<LaneId, Tip> | undefined {
  const reader: ByteReader | undefined = unseal(bytes);
  if (reader === undefined) return undefined;
  const tips = new Map<LaneId, Tip>();
  while (reader.left > 0) {
    const id = parseOrigin(reader.text(NAME_BYTES_MAX));
    const received = reader.varint();
    const chain = reader.u64();
    if (id === undefined || reader.failed) return undefined;
    tips.set(id, { received, chain });
  }
  return reader.finished ? tips : undefined;
}

/** How far storage holds a lane; `undefined` where it cannot be read. */
export function storedHeads(
  get: (key: Uint8Array) => PointRead,
): (lane: LaneId) => Seq | undefined {
  const tip = get(TIP);
  const tips = tip === undefined || tip === UNREADABLE ? undefined : decodeTip(tip);
  return (lane) => {
    const state = get(originKey(lane));
    if (state === UNREADABLE || (tip !== undefined && tips === undefined)) return undefined;
    const marked = state === undefined ? undefined : decodeLaneState(state);
    if (state !== undefined && marked === undefined) return undefined;
    return Math.max(tips?.get(lane)?.received ?? 0, marked?.received ?? 0);
  };
}
