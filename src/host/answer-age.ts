// Answers grow older between the step that makes them and the moment at which their client gets
// them: while they wait for the disk, and while the thread does something else or does not run.

import type { Client, Reply } from '../model/reply.ts';
import { aged, boundFault, isWithin } from '../model/staleness.ts';

/** The reply `ms` later. */
export function agedReply(reply: Reply, ms: number): Reply {
  if (reply.kind !== 'found' && reply.kind !== 'absent' && reply.kind !== 'listed') return reply;
  return { ...reply, stalenessMs: aged(reply.stalenessMs, ms) };
}

/** The reply, or a refusal if it may be staler than its client takes. */
export function withinBound(reply: Reply, { boundMs }: Client): Reply {
  if (boundMs === undefined || !('stalenessMs' in reply)) return reply;
  const { stalenessMs } = reply;
  if (isWithin(stalenessMs, boundMs)) return reply;
  return { kind: 'failed', fault: boundFault(stalenessMs, boundMs) };
}
