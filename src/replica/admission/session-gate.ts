// Admits a request once this replica shows everything that its session has seen
// (model/session.ts). Until then the request is parked: the missing entries are on their way, and a
// peer that holds them is asked for them at once. A read that says so is forwarded or refused
// instead. At its deadline a request is refused, and for good if no replica holds the entries any
// more.

import { LOST_BEATS, type Sessions } from '../../consistency/sessions.ts';
import type { ReadAdmission } from '../../lag/read-admission.ts';
import type { Turn } from '../../model/effect.ts';
import { type Fault, fault } from '../../model/fault.ts';
import { type Dot, formatDot } from '../../model/id.ts';
import type { Session } from '../../model/session.ts';
import type { Settings } from '../../model/settings.ts';
import type { ReadOrList } from '../../model/terms.ts';
import { dominates } from '../../model/vector.ts';
import type { Writing } from '../../model/writing.ts';
import { alternatesIn, type Peers } from '../../peers/peers.ts';
import type { Hasten } from '../desk/reads.ts';
import { ADMIT, FORWARD, type Passage, type RequestGate, unless } from './gate.ts';

type Sessional = ReadOrList | Writing;

export interface SessionGateOptions {
  readonly admission: ReadAdmission;
  readonly hasten: Hasten;
  readonly peers: Peers;
  readonly sessions: Sessions;
  readonly settings: Settings;
}

export function sessionGate(options: SessionGateOptions): RequestGate<Sessional>['ask'] {
  const { sessions } = options;
  return (command, _, turn) => {
    const { session } = command;
    const shows = command.kind === 'list' ? 'durable' : 'newest';
    const lacking = session && sessions.lacking(session, shows);
    if (session === undefined || lacking === undefined) return ADMIT;
    return behind(options, command, session, lacking, turn);
  };
}

function behind(
  options: SessionGateOptions,
  command: Sessional,
  session: Session,
  lacking: Dot,
  turn: Turn,
): Passage {
  const { hasten, sessions, settings } = options;
  const onUnmet = 'onUnmet' in command ? command.onUnmet : 'wait';
  if (onUnmet === 'fail') return unless(behindFault(options, session, lacking));
  if (onUnmet === 'forward' && isShownElsewhere(options, command, session)) return FORWARD;
  const holder = sessions.holderOf(lacking);
  if (holder !== undefined) hasten(holder.member.index, lacking.origin, turn);
  const { monoMs: beganMs } = turn.now;
  const late = (later: Turn): Fault => {
    const waitedMs = later.now.monoMs - beganMs;
    const isLost =
      waitedMs >= LOST_BEATS * settings.heartbeatMs && sessions.isLost(lacking, later.now);
    return isLost
      ? fault('history-lost', lostDetail(lacking))
      : behindFault(options, session, lacking);
  };
  return { kind: 'park', until: lacking, late };
}

function isShownElsewhere(
  { admission, peers }: SessionGateOptions,
  { namespace }: Sessional,
  session: Session,
): boolean {
  const fit = admission.fit(namespace).map((index) => peers.get(index));
  return fit.some((peer) => peer !== undefined && dominates(peer.holds, session));
}

function behindFault({ peers }: SessionGateOptions, session: Session, lacking: Dot): Fault {
  const detail = `this replica does not show ${nameOf(lacking)} yet, which the session has seen; nothing was written`;
  const alternates = alternatesIn(peers, ({ holds }) => dominates(holds, session));
  return fault('session-behind', detail, { alternates, retryAfterMs: 1000 });
}

function lostDetail(lacking: Dot): string {
  return (
    `the session has seen ${nameOf(lacking)}, and no replica holds it any more: the disks that had it are lost. ` +
    'Nothing was written; begin a new session, without the token'
  );
}

function nameOf({ origin, seq }: Dot): string {
  return formatDot(origin, seq);
}
