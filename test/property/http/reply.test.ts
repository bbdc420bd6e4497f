// An answer can be written for any record, membership or fault, even one from a peer: the
// connection ends with a complete reply, and no bug is reported.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Command } from '../../../src/model/command.ts';
import { FAULTS, type FaultCode } from '../../../src/model/fault.ts';
import type { Origin } from '../../../src/model/id.ts';
import type { Record as Stored } from '../../../src/model/record.ts';
import type { Reply } from '../../../src/model/reply.ts';
import { type Harness, startHarness } from '../../unit/http/harness.ts';
import { key } from '../../support/build.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ origins: ['http://page.example'] });
});
afterAll(() => harness.stop());

const wild = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    'text/plain',
    'text/html; charset="',
    'a/b\r\nX: y',
    'a/\t',
    '\u{1F600}',
    '\0',
    '\ud800',
  ),
);
const moment = fc.oneof(
  fc.constantFrom(0, 1, 8.64e15, 8.64e15 + 1, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
);
const record: fc.Arbitrary<Stored> = fc
  .record({
    key: fc
      .uint8Array({ minLength: 1, maxLength: 20 })
      .map((bytes) => Buffer.from(bytes).toString('latin1')),
    origin: fc.constantFrom('eu-1.1', 'us-1.4294967295') as fc.Arbitrary<Origin>,
    seq: fc.maxSafeNat(),
    hlc: moment,
    operation: fc.constantFrom('put', 'delete'),
    value: fc.uint8Array({ maxLength: 64 }),
    contentType: wild,
    expiresAtMs: moment,
    tags: fc.array(wild, { maxLength: 3 }),
    weight: fc.double(),
  })
  .map((fields) => ({ ...fields, size: fields.value.length })) as unknown as fc.Arbitrary<Stored>;
const url = fc.oneof(
  wild,
  wild.map((text) => `http://${text}`),
  fc.constantFrom(
    'http://us.example',
    'http://127.0.0.1:291\n72',
    'http://h\u0000',
    'http://ü.example',
    'http://h\\x',
  ),
);
const alternates = fc.array(
  fc.record({ id: fc.constant('us-1'), url: fc.option(url, { nil: undefined }) }),
  {
    maxLength: 3,
  },
);
// Peers send it in whole milliseconds, as a varint.
const staleness = fc.oneof(
  fc.constant('unknown' as const),
  fc.double({ min: 0, max: Number.MAX_SAFE_INTEGER, noNaN: true }),
);
const failed = fc
  .record({
    code: fc.constantFrom(...(Object.keys(FAULTS) as FaultCode[])),
    detail: wild,
    alternates: fc.option(alternates, { nil: undefined }),
    retryAfterMs: fc.option(fc.double(), { nil: undefined }),
    acks: fc.option(fc.nat(), { nil: undefined }),
  })
  .map((fault) => ({ kind: 'failed', fault }) as unknown as Reply);

const PATHS = [
  '/v1/kv/bench/k',
  '/v1/kv/bench/k?envelope',
  '/v1/kv/bench/k?redirect',
  '/v1/kv/bench/%F0%9F%98%80?redirect',
  '/v1/kv/bench?values=inline',
  '/v1/kv/bench?redirect',
  '/v1/explain/bench/k',
] as const;
const ACCEPTS = [
  '*/*',
  'application/json',
  'application/x-ndjson',
  'application/vnd.conit.record+json',
] as const;

/** The core's reply to the command, with these parts. */
function replyTo(command: Command, stored: Stored, stalenessMs: number | 'unknown'): Reply {
  const heldBy = { id: 'us-1', region: 'us' };
  if (command.kind === 'list')
    return {
      kind: 'listed',
      items: [stored],
      prefixes: [stored.key],
      shown: [],
      after: stored.key,
      stalenessMs,
      heldBy,
    } as never;
  if (command.kind === 'explain') {
    const missing = [{ origin: 'eu-1.1', entries: 3 }];
    const view = { id: 'us-1', region: 'us', answer: 'record', record: stored, missing };
    return { kind: 'explained', replicas: [view], tombstone: undefined } as never;
  }
  return {
    kind: 'found',
    record: { ...stored, key: key('k') },
    stalenessMs,
    answers: 1,
    heldBy,
  } as never;
}

describe('an answer', () => {
  it('can be written for any record and any fault', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...PATHS),
        fc.constantFrom(...ACCEPTS),
        record,
        staleness,
        fc.option(failed, { nil: undefined }),
        fc.boolean(),
        async (path, accept, stored, stalenessMs, fault, isFromPage) => {
          harness.service.hold = (command) =>
            command.client.onReply(fault ?? replyTo(command, stored, stalenessMs));
          const headers = { accept, ...(isFromPage ? { origin: 'http://page.example' } : {}) };
          const answer = await harness.ask(path, { headers });
          harness.service.hold = undefined;
          expect(answer.status).not.toBe(500);
          expect(harness.errors).toEqual([]);
          const { location } = answer.headers;
          if (location !== undefined) expect(URL.canParse(location)).toBe(true);
        },
      ),
      { numRuns: 400 },
    );
  });
});
