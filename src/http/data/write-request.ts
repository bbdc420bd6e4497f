// The options of a write besides key and value: read from the query and the headers of a PUT or
// DELETE, or from the fields of one operation of a batch (batch-item.ts), through the same
// functions.

import { takenAt } from '../../api/parameters.ts';
import { crc32c } from '../../base/crc32c.ts';
import type { Condition, WriteCommand } from '../../model/command.ts';
import { IDEMPOTENCY_KEY_BYTES_MAX } from '../../model/encoding.ts';
import type { Key, NamespaceName } from '../../model/id.ts';
import type { QuorumSpec } from '../../model/quorum.ts';
import type { Idempotency, Operation, Version } from '../../model/record.ts';
import type { Client } from '../../model/reply.ts';
import type { Guarantees } from '../../model/guarantees.ts';
import type { Session } from '../../model/session.ts';
import { writeConditions } from '../form/condition.ts';
import {
  type QuorumDoor,
  readGuarantees,
  readTimeout,
  readTtl,
  readUnmet,
  refuseParameter,
} from '../../api/readers.ts';
import { isFault, type Refusal, refusal } from '../problem.ts';
import type { RequestHead } from '../form/request-head.ts';
import {
  prefersAsync,
  prefersOld,
  readContentType,
  readIdempotencyKey,
  readTags,
  readWeight,
} from '../../api/request-headers.ts';

export interface WriteRequest {
  readonly operation: Operation;
  readonly w: QuorumSpec | undefined;
  readonly r: QuorumSpec | undefined;
  readonly timeoutMs: number | undefined;
  readonly ttlMs: number;
  readonly contentType: string;
  readonly conditions: readonly Condition[];
  readonly tags: readonly string[];
  readonly weight: number;
  readonly idempotencyKey: string | undefined;
  readonly respondAsync: boolean;
  /** The guarantees of the session that it asks for; `undefined`: those of the policy. */
  readonly guarantees: Guarantees | undefined;
  /** True: the client wants a redirect if another replica can serve it better. */
  readonly redirects: boolean;
  readonly returnsOld: boolean;
  /** The one version that a delete removes. */
  readonly removes: Version | undefined;
}

/** The options of a request without any: the quorum and timeout of the policy. */
export const PLAIN_WRITE: WriteRequest = {
  operation: 'put',
  w: undefined,
  r: undefined,
  timeoutMs: undefined,
  ttlMs: 0,
  contentType: '',
  conditions: [],
  tags: [],
  weight: 0,
  idempotencyKey: undefined,
  respondAsync: false,
  guarantees: undefined,
  redirects: false,
  returnsOld: false,
  removes: undefined,
};

interface WriteParameters {
  w: QuorumSpec | undefined;
  r: QuorumSpec | undefined;
  timeoutMs: number | undefined;
  ttlMs: number | undefined;
  redirects: boolean | undefined;
  guarantees: Guarantees | undefined;
}

const PUT_PARAMETERS = takenAt('put');
const DELETE_PARAMETERS = takenAt('delete');

export function readWriteRequest(
  operation: Operation,
  query: readonly string[],
  head: RequestHead,
  quorums: QuorumDoor,
): WriteRequest | Refusal {
  const unheard = refuseHeaders(head);
  if (unheard !== undefined) return unheard;
  const parameters = readParameters(operation, query, quorums);
  if (isFault(parameters)) return parameters;
  const contentType = readContentType(head.contentType);
  if (isFault(contentType)) return contentType;
  const conditions = writeConditions(head.ifMatch, head.ifNoneMatch, head.ifUnmodifiedSince);
  if (isFault(conditions)) return conditions;
  const tags = readTags(head.tags);
  if (isFault(tags)) return tags;
  const weight = readWeight(head.weight);
  if (isFault(weight)) return weight;
  const idempotencyKey = readKey(head.idempotencyKey);
  if (isFault(idempotencyKey)) return idempotencyKey;
  return {
    operation,
    w: parameters.w,
    r: parameters.r,
    timeoutMs: parameters.timeoutMs,
    ttlMs: parameters.ttlMs ?? 0,
    contentType: operation === 'put' ? contentType : '',
    conditions,
    tags,
    weight,
    idempotencyKey,
    respondAsync: prefersAsync(head.prefer),
    guarantees: parameters.guarantees,
    redirects: parameters.redirects ?? false,
    returnsOld: operation === 'delete' && prefersOld(head.prefer),
    removes: undefined,
  };
}

/** The object has the same shape for every caller. */
export function writeCommand(
  client: Client,
  namespace: NamespaceName,
  key: Key,
  asked: WriteRequest,
  session: Session | undefined,
  value: Uint8Array,
): WriteCommand {
  return {
    kind: 'write',
    client,
    namespace,
    key,
    operation: asked.operation,
    value,
    contentType: asked.contentType,
    w: asked.w,
    r: asked.r,
    timeoutMs: asked.timeoutMs,
    ttlMs: asked.ttlMs,
    conditions: asked.conditions,
    idempotency: idempotencyOf(namespace, key, asked, value),
    session,
    tags: asked.tags,
    weight: asked.weight,
    respondAsync: asked.respondAsync,
    returnsOld: asked.returnsOld,
    removes: asked.removes,
  };
}

// Requests with one idempotency key must have one digest.
function idempotencyOf(
  namespace: NamespaceName,
  key: Key,
  asked: WriteRequest,
  value: Uint8Array,
): Idempotency | undefined {
  const { idempotencyKey } = asked;
  if (idempotencyKey === undefined) return undefined;
  return { key: idempotencyKey, digest: digestOfRequest(namespace, key, asked, value) };
}

/** The digest of everything that decides what the write does. */
export function digestOfRequest(
  namespace: NamespaceName,
  key: Key,
  { operation, contentType, ttlMs, weight, tags, conditions }: WriteRequest,
  value: Uint8Array,
): number {
  const asked = [operation, namespace, contentType, ttlMs, weight, tags, conditions];
  const text = Buffer.from(`${JSON.stringify(asked)}\n${key}`, 'latin1');
  return crc32c(value, 0, value.length, crc32c(text, 0, text.length));
}

// Headers that ask for what a write cannot do.
function refuseHeaders(head: RequestHead): Refusal | undefined {
  if (head.contentRange === undefined) return undefined;
  return refusal('bad-request', 'a value is written as a whole, so Content-Range is not accepted');
}

function readParameters(
  operation: Operation,
  query: readonly string[],
  quorums: QuorumDoor,
): WriteParameters | Refusal {
  const into: WriteParameters = {
    w: undefined,
    r: undefined,
    timeoutMs: undefined,
    ttlMs: undefined,
    redirects: undefined,
    guarantees: undefined,
  };
  for (let i = 0; i + 1 < query.length; i += 2) {
    const reason = readParameter(
      operation,
      query[i] as string,
      query[i + 1] as string,
      quorums,
      into,
    );
    if (reason !== undefined) return reason;
  }
  return into;
}

function readParameter(
  operation: Operation,
  name: string,
  value: string,
  quorums: QuorumDoor,
  into: WriteParameters,
): Refusal | undefined {
  if (name === 'w' && into.w === undefined) {
    const w = quorums.read(name, value);
    if (isFault(w)) return w;
    into.w = w;
  } else if (name === 'r' && into.r === undefined) {
    const r = quorums.read(name, value);
    if (isFault(r)) return r;
    into.r = r;
  } else if (name === 'timeout' && into.timeoutMs === undefined) {
    const timeoutMs = readTimeout(value);
    if (isFault(timeoutMs)) return timeoutMs;
    into.timeoutMs = timeoutMs;
  } else if (name === 'redirect' && into.redirects === undefined) {
    const asked = readUnmet(name, value);
    if (isFault(asked)) return asked;
    into.redirects = asked === 'redirect';
  } else if (name === 'session' && into.guarantees === undefined) {
    const guarantees = readGuarantees(name, value);
    if (isFault(guarantees)) return guarantees;
    into.guarantees = guarantees;
  } else if (name === 'ttl' && into.ttlMs === undefined && operation === 'put') {
    const ttlMs = readTtl(value);
    if (isFault(ttlMs)) return ttlMs;
    into.ttlMs = ttlMs;
  } else {
    return refuseParameter(name, [], operation === 'put' ? PUT_PARAMETERS : DELETE_PARAMETERS);
  }
  return undefined;
}

function readKey(header: string | undefined): string | undefined | Refusal {
  return header === undefined ? undefined : readIdempotencyKey(header, IDEMPOTENCY_KEY_BYTES_MAX);
}
