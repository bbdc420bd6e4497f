// The gates of a replica, in the order in which they are asked. A new gate is a row. What comes
// first, and why:
//
//   closed, drained before all others   such a replica answers nothing else about a request
//   unfit before session   another replica answers sooner than this one catches up
//   session before bound   what the session has seen may not be here yet, however fresh the rest is
//   unfit before quorum                 a replica that is behind forwards the request as it came
//   clock, disk, size before full       a retry soon does not help, so the client learns these
//                                       first
//   full before reach                   of writes and lists; a read learns reach before full
//   isolated after reach                it concerns replicas that the quorum does not need

import { type StampOptions, stampDoubt } from '../../consistency/clock-doubt.ts';
import type { Drain } from '../../membership/drain.ts';
import { difference, NO_MEMBERS, union } from '../../model/member-set.ts';
import type { Fault } from '../../model/fault.ts';
import { majority } from '../../model/quorum.ts';
import { type DataCommand, type ReadOrList, UNMEETABLE, unmeetable } from '../../model/terms.ts';
import { tooLarge, weightOf, type Writing } from '../../model/writing.ts';
import { isReachable } from '../../quorum/tally.ts';
import type { Checkpoint } from '../../store/checkpoint.ts';
import type { Room } from '../../store/room.ts';
import type { ListDesk } from '../desk/lists.ts';
import type { Reads } from '../desk/reads.ts';
import type { Writes } from '../desk/writes.ts';
import { boundGate, type BoundGateOptions } from './bound-gate.ts';
import { sessionGate, type SessionGateOptions } from './session-gate.ts';
import {
  ADMIT,
  type Admit,
  type DoorGate,
  FORWARD,
  type AnyGate,
  barred,
  type Refuse,
  type RequestGate,
  unless,
} from './gate.ts';

export interface GateOptions extends StampOptions, SessionGateOptions, BoundGateOptions {
  readonly room: Room;
  readonly checkpoint: Checkpoint;
  readonly drain: Drain;
  /** Why the replica accepts no requests at all; `undefined` if it does. */
  readonly closed: () => Fault | undefined;
  readonly lists: ListDesk;
  readonly reads: Reads;
  readonly writes: Writes;
}

const EVERY = [
  'write',
  'run',
  'read',
  'list',
  'explain',
  'write-status',
  'status',
  'membership',
  'drain',
  'resync',
] as const;
const OF_CLIENTS = ['write', 'run', 'read', 'list'] as const;
const WRITES = ['write', 'run'] as const;
const READS = ['read', 'list'] as const;

const LOW_DISK = {
  put: 'the disk of this replica is almost full: nothing was written; write at another replica',
  delete: 'the disk of this replica is full: nothing was deleted; free some space on it',
} as const;
const ISOLATED =
  'this replica hears no majority, so readers elsewhere would not see the write; the policy refuses it (onIsolated), and nothing was written';

export function gatesOf(options: GateOptions): readonly AnyGate[] {
  const { checkpoint, closed, drain, lists, reads, writes } = options;
  return [
    door('closed', EVERY, () => unless(closed())),
    door('drained', OF_CLIENTS, (_, turn) => unless(drain.refusal(turn.now))),
    gate('unfit', 'arrival', READS, unfit(options)),
    gate('session', 'arrival', OF_CLIENTS, sessionGate(options)),
    gate('bound', 'arrival', READS, boundGate(options)),
    gate('quorum', 'arrival', READS, quorum('r')),
    gate('quorum', 'arrival', WRITES, quorum('w')),
    gate('clock', 'wait', WRITES, clock(options)),
    gate('disk', 'wait', WRITES, disk(options)),
    gate('size', 'wait', WRITES, size),
    gate('full', 'wait', WRITES, () => unless(writes.fullness ?? checkpoint.fullness)),
    gate('full', 'wait', ['list'], (_, terms) => unless(lists.fullness(terms))),
    gate('reach', 'wait', WRITES, reachToWrite(options)),
    gate('reach', 'wait', READS, reachToRead(options)),
    gate('isolated', 'wait', WRITES, isolated(options)),
    gate('full', 'wait', ['read', 'explain'], () => unless(reads.fullness)),
  ];
}

type Ask<C extends DataCommand> = RequestGate<C>['ask'];

function unfit({ admission }: GateOptions): Ask<ReadOrList> {
  return ({ namespace, onUnmet }, _, { now }) => {
    if (admission.mayAnswer(namespace, now)) return ADMIT;
    const mayForward = onUnmet === 'usual' || onUnmet === 'forward';
    if (mayForward && admission.fit(namespace).length > 0) return FORWARD;
    return unless(admission.faultOf(namespace));
  };
}

function quorum(name: 'r' | 'w'): Ask<DataCommand> {
  return (_, terms) =>
    terms.quorum === UNMEETABLE ? unless(unmeetable(name, terms.namespace)) : ADMIT;
}

function clock(options: GateOptions): Ask<Writing> {
  return (_command, _terms, { now }) => {
    const doubt = stampDoubt(options, now);
    if (doubt === undefined) return ADMIT;
    return barred(doubt.code, doubt.detail, { retryAfterMs: doubt.retryAfterMs });
  };
}

function disk({ room }: GateOptions): Ask<Writing> {
  return (command) => {
    const { operation, bytes } = weightOf(command);
    return room.takes(operation, bytes) ? ADMIT : barred('low-disk', LOW_DISK[operation]);
  };
}

function size(command: Writing): Admit | Refuse {
  const detail = tooLarge(command);
  return detail === undefined ? ADMIT : barred('value-too-large', detail);
}

function reachToWrite({ peers }: GateOptions): Ask<Writing> {
  return ({ respondAsync }, { quorum: asked }) =>
    respondAsync || isReachable(asked, peers.reachable) ? ADMIT : tooFew('w', asked.count);
}

/** A read does not begin by asking members that have fallen silent. */
function reachToRead({ admission, peers }: GateOptions): Ask<ReadOrList> {
  return ({ kind, namespace }, { quorum: asked }, { now }) => {
    const silent = kind === 'read' ? peers.silent(now.monoMs) : NO_MEMBERS;
    const passed = union(silent, admission.unfit(namespace));
    return isReachable(asked, difference(peers.reachable, passed))
      ? ADMIT
      : tooFew('r', asked.count);
  };
}

function isolated({ peers }: GateOptions): Ask<Writing> {
  return (_, { namespace }, { now }) => {
    const { policy, members } = namespace;
    if (policy.onIsolated === 'accept' || peers.hearsMajority(now.monoMs)) return ADMIT;
    const required = majority(members.length);
    return barred('no-quorum', ISOLATED, { required, retryAfterMs: 1000 });
  };
}

function tooFew(name: 'r' | 'w', required: number): Refuse {
  const detail = `too few replicas can be reached for this ${name}`;
  return barred('no-quorum', detail, { required, retryAfterMs: 1000 });
}

function door(name: string, of: DoorGate['of'], ask: DoorGate['ask']): DoorGate {
  return { name, at: 'door', of, ask };
}

function gate<C extends DataCommand>(
  name: string,
  at: RequestGate['at'],
  of: readonly C['kind'][],
  ask: Ask<C>,
): RequestGate {
  return { name, at, of, ask };
}
