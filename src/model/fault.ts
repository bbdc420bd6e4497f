// The closed table of what can go wrong for a client. A fault is a value: its code says what
// happened, the table says whether it is definite (nothing happened and nothing will) or indefinite
// (it may have happened), and whether trying again can help. HTTP statuses are assigned in
// api/problems.ts.

import type { LagState } from './lag.ts';
import type { Dot, ReplicaId } from './id.ts';

interface FaultKind {
  /**
   * True: the request had no effect and will have none. False: the effect may or may not have
   * happened.
   */
  readonly definite: boolean;
  readonly retryable: boolean;
  readonly title: string;
}

const definite = (title: string): FaultKind => ({ definite: true, retryable: false, title });
const passing = (title: string): FaultKind => ({ definite: true, retryable: true, title });

export const FAULTS = {
  'invalid-key': definite('The key is not acceptable'),
  'invalid-parameter': definite('A parameter is not acceptable'),
  'namespace-not-found': definite('No such namespace'),
  'not-built': definite('This feature is not built yet'),
  'not-found': definite('No such key'),
  'write-not-found': definite('No such write is known here'),
  'precondition-failed': definite('The precondition does not hold'),
  'idempotency-mismatch': definite('The idempotency key was used for another request'),
  'idempotency-in-flight': passing('Another request with the idempotency key is in progress'),
  'cursor-expired': definite('The cursor can no longer be continued'),
  'value-too-large': definite('The value is too large'),
  'membership-conflict': definite('The membership does not allow this change'),
  'membership-busy': passing('Another change of the membership is under way'),
  'no-quorum': passing('Too few replicas can be reached'),
  overloaded: passing('The replica has too much to do'),
  draining: passing('The replica is shutting down'),
  'catching-up': passing('The replica is still starting'),
  'replica-stale': passing('This replica is too far behind to answer for the namespace'),
  'bound-unmet': passing('This replica cannot prove that its answer is as fresh as asked for'),
  'session-behind': passing('This replica does not show everything that the session has seen'),
  'history-lost': definite('The session has seen writes that no replica holds any more'),
  'low-disk': passing('The disk is almost full'),
  'storage-failed': passing('The storage of this replica has failed'),
  'record-corrupt': passing('The stored record is damaged and no other replica could supply it'),
  'clock-drift': passing('The clock of this replica is too far from that of its peers'),
  timeout: passing('The deadline passed before enough replicas answered'),
  'outcome-unknown': {
    definite: false,
    retryable: true,
    title: 'The outcome of the write is unknown',
  },
} as const satisfies { readonly [code: string]: FaultKind };

export type FaultCode = keyof typeof FAULTS;

export interface Fault {
  readonly code: FaultCode;
  readonly detail: string;
  /** The number of copies or answers asked for, and the number received. */
  readonly required?: number;
  readonly acks?: number;
  /** The write whose outcome is unknown. */
  readonly dot?: Dot;
  /** A newer version than that write, if a replica has reported one. */
  readonly supersededBy?: Dot;
  readonly retryAfterMs?: number;
  /** The item of a run that caused the fault, the first one, counted from 0. */
  readonly item?: number;
  /** Why this replica does not answer for a namespace. */
  readonly state?: LagState;
  /** What the key holds, because of which the request was refused: its session has seen it. */
  readonly seen?: readonly Dot[];
  /** Replicas that may be able to answer, the nearest first. */
  readonly alternates?: readonly Alternate[];
}

export interface Alternate {
  readonly id: ReplicaId;
  /** The URL of its HTTP API, if known. */
  readonly url: string | undefined;
}

export function fault(
  code: FaultCode,
  detail: string,
  more: Omit<Fault, 'code' | 'detail'> = {},
): Fault {
  return { code, detail, ...more };
}

export function isDefinite(code: FaultCode): boolean {
  return FAULTS[code].definite;
}
