// The terms of a request about records: its namespace, its quorum and its deadline. They are found
// once, as the request arrives, and go with the request from then on.

import { unreachable } from '../base/assert.ts';
import type { Command, ExplainCommand, ListCommand, ReadCommand } from './command.ts';
import type { Asker } from './effect.ts';
import { type Fault, fault } from './fault.ts';
import { NO_MEMBERS } from './member-set.ts';
import type { Namespace } from './namespaces.ts';
import { oneGroup, type QuorumSpec, type Requirement } from './quorum.ts';
import type { Writing } from './writing.ts';

/** Reads a record, or lists them. */
export type ReadOrList = ReadCommand<Asker> | ListCommand<Asker>;
/** About the records of a namespace. */
export type DataCommand = Writing | ReadOrList | ExplainCommand;
/** About the replica and its cluster. */
export type ClusterCommand = Exclude<Command<Asker>, DataCommand>;

export interface Terms {
  readonly namespace: Namespace;
  /** The replicas that must answer or hold what is written; UNMEETABLE if there are too few. */
  readonly quorum: Requirement;
  /** Monotonic time. */
  readonly deadlineMs: number;
}

/** More replicas than hold the namespace. */
export const UNMEETABLE: Requirement = oneGroup(NO_MEMBERS, 1);

const EXPLAIN_TIMEOUT_MS = 1000;

export function isDataCommand(command: Command<Asker>): command is DataCommand {
  switch (command.kind) {
    case 'read':
    case 'write':
    case 'list':
    case 'run':
    case 'explain':
      return true;
    case 'status':
    case 'write-status':
    case 'membership':
    case 'drain':
    case 'resync':
      return false;
    default:
      return unreachable(command);
  }
}

export function termsOf(command: DataCommand, namespace: Namespace, nowMs: number): Terms {
  const timeoutMs = command.timeoutMs ?? timeoutMsOf(command, namespace);
  return { namespace, quorum: quorumOf(command, namespace), deadlineMs: nowMs + timeoutMs };
}

/** From the request, or else from the policy. */
export function readQuorum(namespace: Namespace, r: QuorumSpec | undefined): Requirement {
  return r === undefined ? namespace.r : (namespace.requirement(r) ?? UNMEETABLE);
}

/** The fault for a request that asks for such a quorum. */
export function unmeetable(name: 'r' | 'w', { members }: Namespace): Fault {
  return fault(
    'invalid-parameter',
    `${name} exceeds the ${members.length} replicas of the namespace`,
  );
}

function quorumOf(command: DataCommand, namespace: Namespace): Requirement {
  switch (command.kind) {
    case 'read':
    case 'list':
      return readQuorum(namespace, command.r);
    case 'write':
    case 'run':
      if (command.w === undefined) return namespace.w;
      return namespace.requirement(command.w) ?? UNMEETABLE;
    case 'explain':
      return namespace.all;
  }
}

function timeoutMsOf({ kind }: DataCommand, { policy }: Namespace): number {
  return kind === 'explain' ? EXPLAIN_TIMEOUT_MS : policy.timeoutMs;
}
