// One operation of a batch: its fields become the same command as a request for the key alone, and
// the reply becomes its result. A fault of one item is reported for that item only.

import { assert } from '../../base/assert.ts';
import type { Command } from '../../model/command.ts';
import { IDEMPOTENCY_KEY_BYTES_MAX } from '../../model/encoding.ts';
import { fault } from '../../model/fault.ts';
import { formatDot, type Key } from '../../model/id.ts';
import type { Policy } from '../../model/policy.ts';
import type { QuorumSpec } from '../../model/quorum.ts';
import type { Absent, Client, Found, Reply, Written } from '../../model/reply.ts';
import { writeConditions } from '../form/condition.ts';
import type { HttpContext } from '../context.ts';
import { bytesFromText, fromBase64, keyFromBase64, keyFromText } from '../form/key-text.ts';
import { readTtl } from '../../api/readers.ts';
import { isFault, problemDocument, type Refusal, refusal } from '../problem.ts';
import { statusOf } from '../../api/problems.ts';
import { recordView } from '../form/record-view.ts';
import { wholeStaleness } from '../form/reply-head.ts';
import type { BatchItem, BatchResult } from '../../api/shapes.ts';
import { areTags, isTag, readContentType } from '../../api/request-headers.ts';
import type { ClientSession } from '../session/client-session.ts';
import { PLAIN_WRITE, writeCommand, type WriteRequest } from '../data/write-request.ts';

/** The options of the whole batch. */
export interface BatchOptions {
  readonly policy: Policy;
  readonly w: QuorumSpec | undefined;
  readonly r: QuorumSpec | undefined;
  readonly timeoutMs: number | undefined;
  readonly idempotencyKey: string | undefined;
  readonly respondAsync: boolean;
  readonly session: ClientSession;
}

/** Room in an item's idempotency key for its number. */
export const BATCH_KEY_BYTES_MAX = IDEMPOTENCY_KEY_BYTES_MAX - 8;

const NO_VALUE = new Uint8Array(0);
const READS_TAKE: readonly string[] = ['op', 'key', 'keyBase64'];
const DELETES_TAKE: readonly string[] = [...READS_TAKE, 'ifMatch', 'ifNoneMatch', 'tags', 'weight'];

/** The command of the item at `index`. */
export function commandOf(
  item: BatchItem,
  index: number,
  options: BatchOptions,
  client: Client,
  valueBytesMax: number,
): Command | Refusal {
  const { policy, r, timeoutMs } = options;
  const { namespace } = policy;
  if (item.op === 'get') {
    const key = refuseMembers(item) ?? keyOf(item);
    if (isFault(key)) return key;
    const session = options.session.forRead;
    return { kind: 'read', client, namespace, key, r, timeoutMs, session, onUnmet: 'usual' };
  }
  const write = writeOf(item, index, options, valueBytesMax);
  if (isFault(write)) return write;
  const session = options.session.forWrite;
  return writeCommand(client, namespace, write.key, write.asked, session, write.value);
}

interface ItemWrite {
  readonly key: Key;
  readonly value: Uint8Array;
  readonly asked: WriteRequest;
}

/** The options of a put or a delete. */
export function writeOf(
  item: BatchItem,
  index: number,
  options: BatchOptions,
  valueBytesMax: number,
): ItemWrite | Refusal {
  const reason = refuseMembers(item);
  if (reason !== undefined) return reason;
  const key = keyOf(item);
  if (isFault(key)) return key;
  const value = item.op === 'put' ? valueOf(item, valueBytesMax) : NO_VALUE;
  if (isFault(value)) return value;
  const asked = askedOf(item, index, options);
  if (isFault(asked)) return asked;
  return { key, value, asked };
}

export function resultOf(context: HttpContext, item: BatchItem, reply: Reply): BatchResult {
  if (reply.kind === 'written') return writtenResult(item, reply);
  if (reply.kind === 'found') {
    const record = recordView(reply.record, true);
    return { status: 200, version: record.version, ...originOf(reply), record };
  }
  if (reply.kind === 'absent') {
    const absent = fault('not-found', 'there is no value under this key');
    return { ...problemResult(context, absent), ...originOf(reply) };
  }
  assert(reply.kind === 'failed', 'batch: an answer to another command');
  return problemResult(context, reply.fault);
}

/** How fresh the answer is, and which replica answered if it was not this one. */
function originOf({ stalenessMs: boundMs, heldBy }: Found | Absent) {
  const stalenessMs = wholeStaleness(boundMs);
  return heldBy === undefined ? { stalenessMs } : { stalenessMs, servedBy: heldBy.id };
}

type Done = Pick<Written, 'settled' | 'created' | 'dot' | 'acks' | 'replicas' | 'supersededBy'>;

export function writtenResult(item: BatchItem, written: Done): BatchResult {
  const { settled, created, dot, acks, replicas } = written;
  const done = item.op === 'put' && created ? 201 : 204;
  const status = settled ? done : 202;
  const result = { status, version: formatDot(dot.origin, dot.seq), acks, replicas };
  const { supersededBy: by } = written;
  return by === undefined ? result : { ...result, supersededBy: formatDot(by.origin, by.seq) };
}

export function problemResult({ source }: HttpContext, reason: Refusal): BatchResult {
  return { status: statusOf(reason.code), problem: problemDocument(reason, source) };
}

/** A member that the operation does not use is refused, not ignored. */
function refuseMembers(item: BatchItem): Refusal | undefined {
  if (item.op === 'put') return undefined;
  const taken = item.op === 'get' ? READS_TAKE : DELETES_TAKE;
  const extra = Object.keys(item).find((member) => !taken.includes(member));
  if (extra === undefined) return undefined;
  return refusal('invalid-parameter', `the operation ${item.op} takes no "${extra}"`);
}

function keyOf({ key, keyBase64 }: BatchItem): Key | Refusal {
  if (key !== undefined && keyBase64 === undefined) return keyFromText(key);
  if (key === undefined && keyBase64 !== undefined) return keyFromBase64(keyBase64);
  return refusal('invalid-key', 'an operation has one of key and keyBase64');
}

function valueOf({ value, valueBase64 }: BatchItem, valueBytesMax: number): Uint8Array | Refusal {
  if ((value === undefined) === (valueBase64 === undefined)) {
    return refusal('invalid-parameter', 'a put has one of value and valueBase64');
  }
  const bytes = value === undefined ? fromBase64(valueBase64 ?? '') : bytesOfText(value);
  if (bytes === undefined) {
    const detail = value === undefined ? 'is not base64' : 'is not well-formed Unicode';
    return refusal('invalid-parameter', `the value ${detail}`);
  }
  if (bytes.length <= valueBytesMax) return bytes;
  return refusal('value-too-large', `a value has at most ${valueBytesMax} bytes`);
}

function bytesOfText(text: string): Buffer | undefined {
  const bytes = bytesFromText(text);
  return bytes === undefined ? undefined : Buffer.from(bytes, 'latin1');
}

function askedOf(
  item: BatchItem,
  index: number,
  { w, r, timeoutMs, idempotencyKey, respondAsync }: BatchOptions,
): WriteRequest | Refusal {
  const ttlMs = item.ttl === undefined ? 0 : readTtl(item.ttl);
  if (isFault(ttlMs)) return ttlMs;
  const contentType = readContentType(item.contentType ?? typeOf(item));
  if (isFault(contentType)) return contentType;
  const conditions = writeConditions(item.ifMatch, item.ifNoneMatch);
  if (isFault(conditions)) return conditions;
  const { tags = [], weight = 0 } = item;
  if (!areTags(tags) || !tags.every(isTag)) {
    return refusal('invalid-parameter', 'the tags are too many, too long or not printable ASCII');
  }
  return {
    ...PLAIN_WRITE,
    operation: item.op === 'delete' ? 'delete' : 'put',
    w,
    r: conditions.length > 0 ? r : undefined,
    timeoutMs,
    ttlMs,
    contentType: item.op === 'delete' ? '' : contentType,
    conditions,
    tags,
    weight,
    idempotencyKey: idempotencyKey === undefined ? undefined : `${idempotencyKey}#${index}`,
    respondAsync,
  };
}

function typeOf({ value }: BatchItem): string | undefined {
  return value === undefined ? undefined : 'text/plain; charset=utf-8';
}
