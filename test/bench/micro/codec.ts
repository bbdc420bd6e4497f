// One mutation with a value of 100 bytes, encoded and decoded again, in microseconds, with both
// checksums and the chain.

import { type Draft, decodeMutation, encodeMutation } from '../../../src/model/encoding.ts';
import { parseKey, parseNamespace, parseOrigin } from '../../../src/model/id.ts';
import { noise } from '../client/keys.ts';

const turns = 5;
const drafts = 1_000;
const trips = 100_000;
const hlcOf2026 = 1.8e15;

/** Microseconds per round trip, each turn; the first turn only warms up. */
export function measureCodec(): readonly number[] {
  const pool = Array.from({ length: drafts }, (_, index) => draftAt(index));
  return Array.from({ length: turns + 1 }, () => microsecondsPerTrip(pool)).slice(1);
}

function microsecondsPerTrip(pool: readonly Draft[]): number {
  const begun = performance.now();
  let chain = 0;
  let bytes = 0;
  for (let trip = 0; trip < trips; trip += 1) {
    const draft = pool[trip % drafts];
    if (draft === undefined) throw new Error('the pool of drafts has a hole');
    const encoded = encodeMutation(draft, chain);
    chain = encoded.chain;
    bytes += decodeMutation(encoded.bytes)?.value.length ?? 0;
  }
  const micros = ((performance.now() - begun) * 1000) / trips;
  if (bytes !== trips * 100) throw new Error('the codec lost bytes');
  return micros;
}

function draftAt(index: number): Draft {
  const origin = parseOrigin('eu-1.1');
  const namespace = parseNamespace('bench');
  const key = parseKey(`small-${String(index).padStart(10, '0')}`);
  if (origin === undefined || namespace === undefined || key === undefined) {
    throw new Error('the names of the codec bench are not valid');
  }
  return {
    origin,
    seq: index + 1,
    hlc: hlcOf2026 + index,
    lane: 0,
    group: '',
    namespace,
    key,
    operation: 'put',
    created: false,
    dependencies: [],
    expiresAtMs: 0,
    tags: [],
    weight: 0,
    idempotency: undefined,
    contentType: 'application/octet-stream',
    value: Buffer.from(noise(100, index)),
  };
}
