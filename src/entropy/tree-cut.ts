// Where two replicas may be compared: a digest of the vector of everything that is in a hash tree. Two trees are compared
// only when it is the same for both, because else they differ anyhow. It is the same for the same vector in any order.

import { hashText, mix32 } from '../base/mix.ts';
import type { Digest } from '../model/message.ts';
import type { Lane } from '../store/lane.ts';

/** `undefined` while something that is in the tree is not durable: a peer must not compare what may be lost. */
export function cutOf(lanes: Iterable<Lane>): Digest | undefined {
  let low = 0;
  let high = 0;
  for (const { origin, head, durable } of lanes) {
    if (head !== durable) return undefined;
    if (head === 0) continue;
    const name = hashText(origin);
    const word = mix32(name ^ mix32(head >>> 0));
    low ^= word;
    high ^= mix32(word ^ mix32(Math.floor(head / 2 ** 32) ^ Math.imul(head, 0x9e3779b1)));
  }
  return [low >>> 0, high >>> 0];
}

export function isSameDigest(left: Digest, right: Digest): boolean {
  return left[0] === right[0] && left[1] === right[1];
}
