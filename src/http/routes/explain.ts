// GET /v1/explain/{ns}/{key}: what every replica holds under a key: versions, never values.

import { addRoute, type App } from './add-route.ts';
import { assert } from '../../base/assert.ts';
import { hlcToMs } from '../../model/hlc.ts';
import { formatDot, type Key } from '../../model/id.ts';
import { isTombstone, latestOf, type Record } from '../../model/record.ts';
import type { Explained, ReplicaView } from '../../model/reply.ts';
import { isSame, merge } from '../../conflict/merge.ts';
import { ask } from '../ask.ts';
import type { HttpContext } from '../context.ts';
import { keyFromPath, keyView } from '../form/key-text.ts';
import { isFault } from '../problem.ts';
import { replyJson, replyProblem } from './reply.ts';
import { timeText } from '../form/reply-head.ts';
import { type ExplainView } from '../../api/shapes.ts';
import { readTimeLeft } from '../guard/time-left.ts';

/** The path `/v1/explain/{ns}/` up to the key. */
const SEGMENTS_BEFORE_KEY = 4;

export function explainRoutes(app: App, context: HttpContext): void {
  addRoute(app, context, 'explain', async ({ request, reply, query, policy }) => {
    const key = keyFromPath(keyPartOf(request.raw.url ?? ''));
    if (isFault(key)) return replyProblem(context, reply, key);
    const timeoutMs = readTimeLeft(context, request, query.timeout, policy);
    if (isFault(timeoutMs)) return replyProblem(context, reply, timeoutMs);
    const { namespace } = policy;
    const answer = await ask(context.service, (client) => {
      return { kind: 'explain', client, namespace, key, timeoutMs };
    });
    if (answer.kind === 'failed') return replyProblem(context, reply, answer.fault);
    assert(answer.kind === 'explained', 'explain: an answer to another command');
    return replyJson(context, reply, viewOf(namespace, key, answer));
  });
}

/** The key as the request wrote it: fastify's parameter does not have the original bytes. */
function keyPartOf(url: string): string {
  const path = url.split('?', 1)[0] as string;
  return path.split('/').slice(SEGMENTS_BEFORE_KEY).join('/');
}

function viewOf(namespace: string, key: Key, { replicas, tombstone }: Explained): ExplainView {
  const newest = newestOf(replicas);
  const nowMs = Date.now();
  return {
    namespace,
    ...keyView(key),
    replicas: replicas.map(({ id, region, answer, record, missing }) => ({
      id,
      region,
      answer,
      ...(record === undefined ? {} : versionView(record, newest, nowMs)),
      missing: [...missing],
    })),
    ...(tombstone === undefined ? {} : { tombstone: tombstoneView(tombstone) }),
  };
}

function tombstoneView({ dot, blockedBy }: NonNullable<Explained['tombstone']>) {
  return { version: formatDot(dot.origin, dot.seq), blockedBy: [...blockedBy] };
}

function newestOf(replicas: readonly ReplicaView[]): Record | undefined {
  let newest: Record | undefined;
  for (const { record } of replicas) {
    if (record !== undefined) newest = merge(newest, record);
  }
  return newest;
}

function versionView(record: Record, newest: Record | undefined, nowMs: number) {
  const { origin, seq, hlc, expiresAtMs, size } = latestOf(record);
  const modifiedMs = hlcToMs(hlc);
  return {
    version: formatDot(origin, seq),
    newest: isSame(newest, record),
    deleted: isTombstone(record),
    size,
    modified: timeText(modifiedMs),
    ageMs: Math.max(0, nowMs - modifiedMs),
    ...(expiresAtMs === 0 ? {} : { expires: timeText(expiresAtMs) }),
  };
}
