// A client's session over the replies of a simulated cluster.

import { ALL_GUARANTEES } from '../../src/model/guarantees.ts';
import type { Reply } from '../../src/model/reply.ts';
import { type Session, sessionAfter } from '../../src/model/session.ts';
import type { Cluster } from '../cluster/cluster.ts';

/** The session after a reply of replica `n`. */
export function sessionBehind(
  session: Session,
  reply: Reply | 'broken',
  cluster: Cluster,
  n: number,
): Session {
  const facts = cluster.replica(n).host?.sessions;
  if (reply === 'broken' || facts === undefined) throw new Error('it runs');
  return sessionAfter(session, reply, ALL_GUARANTEES, facts);
}
