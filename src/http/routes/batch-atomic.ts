// An atomic batch: its operations become one command, a run of writes that happen together or not
// at all. A fault of one operation refuses all of them, and the refusal names that operation.

import { assert } from '../../base/assert.ts';
import { crc32c } from '../../base/crc32c.ts';
import type { RunCommand, RunItem } from '../../model/command.ts';
import type { Idempotency } from '../../model/record.ts';
import type { RunWritten } from '../../model/reply.ts';
import { ask } from '../ask.ts';
import type { HttpContext } from '../context.ts';
import { digestOfRequest } from '../data/write-request.ts';
import { type BatchOptions, writeOf, writtenResult } from './batch-item.ts';
import { isFault, type Refusal, refusal } from '../problem.ts';
import type { BatchItem, BatchResult } from '../../api/shapes.ts';

type Asked = Pick<RunCommand, 'items' | 'r' | 'idempotency'>;

const NO_GETS = refusal('invalid-parameter', 'an atomic batch has puts and deletes only');

/** The results in the order of the operations, or why nothing was written. */
export async function runAtomic(
  context: HttpContext,
  ops: readonly BatchItem[],
  options: BatchOptions,
): Promise<readonly BatchResult[] | Refusal> {
  if (ops.length === 0) return [];
  const asked = askedOf(ops, options, context.limits.valueBytesMax);
  if (isFault(asked)) return asked;
  const { policy, w, timeoutMs, respondAsync } = options;
  const session = options.session.forWrite;
  const { namespace } = policy;
  const reply = await ask(context.service, (client) => {
    return { kind: 'run', client, namespace, w, timeoutMs, session, respondAsync, ...asked };
  });
  options.session.follow(reply);
  if (reply.kind === 'failed') return reply.fault;
  assert(reply.kind === 'run-written', 'batch: an answer to another command');
  return ops.map((op, index) => resultOf(context, op, reply, index));
}

function askedOf(
  ops: readonly BatchItem[],
  options: BatchOptions,
  valueBytesMax: number,
): Asked | Refusal {
  const { policy, r, idempotencyKey } = options;
  const items: RunItem[] = [];
  const digests: number[] = [];
  for (const [index, op] of ops.entries()) {
    if (op.op === 'get') return refuseAt(index, NO_GETS);
    const write = writeOf(op, index, options, valueBytesMax);
    if (isFault(write)) return refuseAt(index, write);
    const { key, value, asked } = write;
    const { operation, contentType, ttlMs, conditions, tags, weight } = asked;
    items.push({ key, operation, value, contentType, ttlMs, conditions, tags, weight });
    if (idempotencyKey !== undefined)
      digests.push(digestOfRequest(policy.namespace, key, asked, value));
  }
  const isConditional = items.some(({ conditions }) => conditions.length > 0);
  const idempotency = idempotencyKey === undefined ? undefined : named(idempotencyKey, digests);
  return { items, r: isConditional ? r : undefined, idempotency };
}

/** One idempotency key for all: a retry is the same batch. */
function named(key: string, digests: readonly number[]): Idempotency {
  const text = Buffer.from(digests.join());
  return { key, digest: crc32c(text, 0, text.length) };
}

function refuseAt(item: number, reason: Refusal): Refusal {
  return { ...reason, detail: `operation ${item}: ${reason.detail}; nothing was written`, item };
}

function resultOf(
  context: HttpContext,
  op: BatchItem,
  { items, acks, replicas, settled }: RunWritten,
  index: number,
): BatchResult {
  const item = items[index];
  assert(item !== undefined, 'batch: a result for each operation');
  const result = writtenResult(op, { ...item, acks, replicas, settled });
  context.meter?.item(op.op, result.status);
  return result;
}
