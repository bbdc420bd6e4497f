// Client sessions (Terry et al., "Session Guarantees for Weakly Consistent Replicated Data", 1994).
// A session is what a client has read and written: a version vector over lanes. A replica that
// shows everything in it can serve the client's next request with all four guarantees:
//
//   ryw   read your writes       a read shows every earlier write of the session
//   mr    monotonic reads        a read shows everything that an earlier read showed
//   mw    monotonic writes       a write follows every earlier write of the session
//   wfr   writes follow reads    a write follows everything that the session has read
//
// What every member shows is left out, because every replica can serve it. The vector is a superset
// of what was read: everything in a lane before an entry counts as read with it.

import type { Guarantees } from './guarantees.ts';
import type { Dot, ReplicaId } from './id.ts';
import { dotsOf } from './record.ts';
import type { Reply } from './reply.ts';
import { covers, type ReadonlyVector, type Vector } from './vector.ts';

export type Session = ReadonlyVector;

export const NEW_SESSION: Session = new Map();

/** What a session token depends on besides its session. */
export interface SessionFacts {
  /** Every member shows the entry, and everything before it in its lane. */
  isEverywhere(dot: Dot): boolean;
  /** The replicas that have a lane here, and the members. */
  replicas(): readonly ReplicaId[];
}

/** What a request must find shown at the replica that serves it; `undefined`: nothing. */
export function neededBy(
  kind: 'read' | 'write',
  session: Session,
  guarantees: Guarantees,
): Session | undefined {
  const isAsked =
    kind === 'read'
      ? guarantees.has('ryw') || guarantees.has('mr')
      : guarantees.has('mw') || guarantees.has('wfr');
  return isAsked && session.size > 0 ? session : undefined;
}

/**
 * The session after a reply, without what every member shows; the same object if nothing changed.
 */
export function sessionAfter(
  session: Session,
  reply: Reply,
  guarantees: Guarantees,
  facts: EverywhereFacts,
): Session {
  const kept = withoutEverywhere(session, facts);
  return isRemembered(reply, guarantees) ? withDots(kept, shownBy(reply), facts) : kept;
}

type EverywhereFacts = Pick<SessionFacts, 'isEverywhere'>;

/** The same object if nothing of it is everywhere. */
export function withoutEverywhere(session: Session, facts: EverywhereFacts): Session {
  let dropped = 0;
  for (const [origin, seq] of session) if (facts.isEverywhere({ origin, seq })) dropped++;
  if (dropped === 0) return session;
  if (dropped === session.size) return NEW_SESSION;
  return new Map([...session].filter(([origin, seq]) => !facts.isEverywhere({ origin, seq })));
}

function withDots(session: Session, dots: readonly Dot[], facts: EverywhereFacts): Session {
  let next: Vector | undefined;
  for (const dot of dots) {
    if (covers(next ?? session, dot) || facts.isEverywhere(dot)) continue;
    next ??= new Map(session);
    next.set(dot.origin, dot.seq);
  }
  return next ?? session;
}

function isRemembered({ kind }: Reply, guarantees: Guarantees): boolean {
  const isWritten = kind === 'written' || kind === 'run-written';
  if (isWritten) return guarantees.has('ryw') || guarantees.has('mw');
  return guarantees.has('mr') || guarantees.has('wfr');
}

/** The entries that a client has seen, or made, by a reply. */
function shownBy(reply: Reply): readonly Dot[] {
  if (reply.kind === 'found') return dotsOf(reply.record);
  if (reply.kind === 'absent') return reply.removal === undefined ? [] : [reply.removal];
  if (reply.kind === 'written') return [reply.dot];
  if (reply.kind === 'run-written') return reply.items.map(({ dot }) => dot);
  if (reply.kind === 'failed') return reply.fault.seen ?? [];
  if (reply.kind !== 'listed') return [];
  const beside = reply.shown.map(([origin, seq]) => ({ origin, seq }));
  return [...beside, ...reply.items.flatMap(dotsOf)];
}
