// The key that authenticates session tokens, derived from the cluster's secret (HKDF, RFC 5869):
// all replicas of a cluster have the same, and a token of another cluster is not accepted.

import { hkdfSync } from 'node:crypto';
import { SIPHASH_KEY_BYTES } from '../base/siphash.ts';

const PURPOSE = 'conit session token';

export function sessionKeyOf(secret: string, clusterId: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, clusterId, PURPOSE, SIPHASH_KEY_BYTES));
}
