// Decides a write by what its key holds: by its conditions, and by the one version that a delete
// may be about. It is a pure function of the write, the state of the key and the time, so every
// replica that knows the same decides the same. A multi-leader desk decides as it accepts a write;
// a group can decide as it applies one.
//
// Not decided here: whether the request was done before (its idempotency key), and which stamp and
// dot an accepted write gets.

import type { WriteCommand } from '../model/command.ts';
import { holds, precondition } from '../model/conditions.ts';
import { type Fault, type FaultCode, fault } from '../model/fault.ts';
import type { Dot } from '../model/id.ts';
import { dotsOf, type Record, shows } from '../model/record.ts';
import { isNewer } from './merge.ts';

/** The part of a write, or of a write of a run, on which the decision depends. */
export interface Decidable extends Pick<WriteCommand, 'conditions'> {
  readonly removes?: WriteCommand['removes'];
  readonly returnsOld?: boolean;
}

/** What a key holds at the replica that decides. */
export interface KeyState {
  readonly record: Record | undefined;
  /** A record is stored and cannot be read. */
  readonly damaged: boolean;
}

export interface Accepted {
  readonly kind: 'accepted';
  /** The value that readers saw until now. */
  readonly live: Record | undefined;
}

export interface Refused {
  readonly kind: 'refused';
  readonly code: FaultCode;
  readonly detail: string;
  /** What the key holds, if that is the reason. */
  readonly seen: readonly Dot[];
}

export type Decision = Accepted | Refused;

const NOTHING: readonly Dot[] = [];
const ACCEPTED_NEW: Accepted = { kind: 'accepted', live: undefined };
const UNREADABLE = refused('record-corrupt', 'the stored record cannot be read');

export function decide(
  decidable: Decidable,
  { record, damaged }: KeyState,
  wallMs: number,
): Decision {
  const { conditions, removes, returnsOld = false } = decidable;
  const asksWhatIsThere = conditions.length > 0 || returnsOld || removes !== undefined;
  if (damaged && asksWhatIsThere) return UNREADABLE;
  const live = shows(record, wallMs) ? record : undefined;
  if (removes !== undefined && isNewer(record, removes)) return unmet(live, record);
  if (!conditions.every((condition) => holds(condition, live))) return unmet(live, record);
  return live === undefined ? ACCEPTED_NEW : { kind: 'accepted', live };
}

export function refused(code: FaultCode, detail: string, seen: readonly Dot[] = NOTHING): Refused {
  return { kind: 'refused', code, detail, seen };
}

/** The fault of a run whose first refused item is this one. */
export function faultOfItem(item: number, { code, detail, seen }: Refused): Fault {
  return fault(code, `operation ${item}: ${detail}; nothing was written`, { item, seen });
}

/** A delete is seen as well: because of it, nothing is live. */
function unmet(live: Record | undefined, record: Record | undefined): Refused {
  const seen = record === undefined ? NOTHING : dotsOf(record);
  return refused('precondition-failed', precondition(live), seen);
}
