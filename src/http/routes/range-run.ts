// Deletes the versions that a page of a list has shown, each as a request of its own: consecutive
// ones share turns and syncs. A key that got a newer version meanwhile, here or elsewhere, keeps
// it.

import { createHash } from 'node:crypto';
import { type Fault, fault, isDefinite } from '../../model/fault.ts';
import type { Key, NamespaceName } from '../../model/id.ts';
import type { QuorumSpec } from '../../model/quorum.ts';
import { latestOf, type Record, type Version } from '../../model/record.ts';
import { ask } from '../ask.ts';
import type { HttpContext } from '../context.ts';
import { IDEMPOTENCY_KEY_BYTES_MAX } from '../../model/encoding.ts';
import type { Reply } from '../../model/reply.ts';
import { statusOf } from '../../api/problems.ts';
import type { ClientSession } from '../session/client-session.ts';
import { PLAIN_WRITE, writeCommand, type WriteRequest } from '../data/write-request.ts';

/** The options of every delete of the page. */
export interface RangeOptions {
  readonly namespace: NamespaceName;
  readonly w: QuorumSpec | undefined;
  readonly timeoutMs: number;
  readonly idempotencyKey: string | undefined;
  readonly session: ClientSession;
}

export interface RangeOutcome {
  readonly deleted: number;
  /**
   * The first item that is neither deleted nor kept, and the reason; otherwise the number of items.
   */
  readonly stoppedAt: number;
  readonly reason: Fault | undefined;
}

const NO_VALUE = new Uint8Array(0);
const DIGEST_LENGTH = 43;
/** Leaves room in the idempotency key of a delete for the digest of what is deleted. */
export const RANGE_KEY_BYTES_MAX = IDEMPOTENCY_KEY_BYTES_MAX - DIGEST_LENGTH - 1;

export async function deleteSeen(
  context: HttpContext,
  items: readonly Record[],
  options: RangeOptions,
): Promise<RangeOutcome> {
  const replies = await Promise.all(items.map((item) => deleteOne(context, item, options)));
  for (const reply of replies) options.session.follow(reply);
  for (const reply of replies) context.meter?.item('delete-range', statusIn(reply));
  const deleted = replies.filter(isDeleted).length;
  const failed = replies.map(failureIn);
  const unknown = failed.filter((each) => each !== undefined && !isDefinite(each.code));
  const first = failed.findIndex((each) => each !== undefined);
  const stoppedAt = first < 0 ? items.length : first;
  const doubt = unknown[0];
  if (doubt === undefined) return { deleted, stoppedAt, reason: failed[stoppedAt] };
  const share = `${deleted} of ${items.length} deletes are done; of ${unknown.length} the outcome is unknown`;
  return { deleted, stoppedAt, reason: { ...doubt, detail: `${share}: ${doubt.detail}` } };
}

function deleteOne(
  { service }: HttpContext,
  record: Record,
  { namespace, w, timeoutMs, idempotencyKey, session }: RangeOptions,
): Promise<Reply> {
  const { key, origin, seq, hlc } = latestOf(record);
  const removes: Version = { origin, seq, hlc };
  const once = idempotencyKey === undefined ? undefined : nameOf(idempotencyKey, key);
  const rest = { w, timeoutMs, idempotencyKey: once, removes };
  const asked: WriteRequest = { ...PLAIN_WRITE, operation: 'delete', ...rest };
  const { forWrite } = session;
  return ask(service, (client) => writeCommand(client, namespace, key, asked, forWrite, NO_VALUE));
}

/**
 * A retry finds other versions and another page, so the idempotency key applies to each key and
 * version that is deleted.
 */
function nameOf(idempotencyKey: string, key: Key): string {
  const digest = createHash('sha256').update(key, 'latin1').digest('base64url');
  return `${idempotencyKey}#${digest}`;
}

function isDeleted(reply: Reply): boolean {
  return reply.kind === 'written' && reply.supersededBy === undefined;
}

/** Why the version may still exist; `undefined` if it was replaced. */
function failureIn(reply: Reply): Fault | undefined {
  if (reply.kind === 'written') return undefined;
  if (reply.kind !== 'failed') return fault('outcome-unknown', 'an answer to another command');
  return reply.fault.code === 'precondition-failed' ? undefined : reply.fault;
}

function statusIn(reply: Reply): number {
  return reply.kind === 'failed' ? statusOf(reply.fault.code) : 204;
}
