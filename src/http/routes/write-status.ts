// GET /v1/writes/{dot}: how far a write has replicated. The known holders prove each step; a step
// that is not listed has not been reached, or this replica does not know it yet.

import { addRoute, type App } from './add-route.ts';
import { assert } from '../../base/assert.ts';
import { formatDot, parseDot } from '../../model/id.ts';
import { majority } from '../../model/quorum.ts';
import type { WriteStatus } from '../../model/reply.ts';
import { ask } from '../ask.ts';
import type { HttpContext } from '../context.ts';
import { refusal } from '../problem.ts';
import { replyJson, replyProblem } from './reply.ts';
import { type WriteStatusView } from '../../api/shapes.ts';

export function writeStatusRoutes(app: App, context: HttpContext): void {
  addRoute(app, context, 'write-status', async ({ reply, path }) => {
    const dot = parseDot(path.dot);
    if (dot === undefined) {
      const detail = 'a write is named replica.incarnation.sequence, such as eu-1.7.1042';
      return replyProblem(context, reply, refusal('invalid-parameter', detail));
    }
    const answer = await ask(context.service, (client) => ({ kind: 'write-status', client, dot }));
    if (answer.kind === 'failed') return replyProblem(context, reply, answer.fault);
    assert(answer.kind === 'write-status', 'write-status: an answer to another command');
    return replyJson(context, reply, viewOf(answer));
  });
}

function viewOf({ dot, holders, regions, replicas }: WriteStatus): WriteStatusView {
  const reached: string[] = [];
  if (holders.length > 0) reached.push('logged');
  if (holders.length >= majority(replicas)) reached.push('quorum');
  reached.push(...regions.map((region) => `region:${region}`));
  if (holders.length >= replicas) reached.push('all');
  return { dot: formatDot(dot.origin, dot.seq), reached, holders: [...holders], replicas };
}
