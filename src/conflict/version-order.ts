// The order of versions: by stamp, then by origin, then by number. It is total, so every replica
// orders two versions in the same way, whatever the order of their arrival.

import type { Version } from '../model/record.ts';

/** Negative, zero or positive as `left` is older than, the same as or newer than `right`. */
export function compareVersions(left: Version, right: Version): number {
  if (left.hlc !== right.hlc) return left.hlc < right.hlc ? -1 : 1;
  if (left.origin !== right.origin) return left.origin < right.origin ? -1 : 1;
  return left.seq - right.seq;
}
