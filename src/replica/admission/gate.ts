// A gate asks one question about a request; the answer says what becomes of the request. gates.ts
// lists the gates in their order, and entrance.ts asks them.
//
//   door      any command, before its namespace is looked up
//   arrival   a request about records, once, before a desk gets it; again after it was parked
//   wait      before a request waits at its desk for replicas or for the disk, and again before a
//             write is made after a wait. What a desk can answer at once does not come to these
//             gates: a local read, a retry whose write is known

import type { Command } from '../../model/command.ts';
import type { Asker, Turn } from '../../model/effect.ts';
import { type Fault, type FaultCode, fault } from '../../model/fault.ts';
import type { Dot } from '../../model/id.ts';
import type { DataCommand, Terms } from '../../model/terms.ts';

export interface Admit {
  readonly kind: 'admit';
}

export interface Refuse {
  readonly kind: 'refuse';
  readonly fault: Fault;
}

/**
 * The request begins again at the arrival gates once everything up to the dot is shown here, or
 * with the next echo, which may prove more. At its deadline it is refused with `late`.
 */
interface Park {
  readonly kind: 'park';
  readonly until: Dot | 'echo';
  readonly late: (turn: Turn) => Fault;
}

/** Another replica answers the request. Only reads and lists can be forwarded. */
interface Forward {
  readonly kind: 'forward';
}

export type Passage = Admit | Refuse | Park | Forward;

export interface DoorGate {
  readonly name: string;
  readonly at: 'door';
  readonly of: readonly Command['kind'][];
  ask(command: Command<Asker>, turn: Turn): Admit | Refuse;
}

export interface RequestGate<C extends DataCommand = DataCommand> {
  readonly name: string;
  readonly at: 'arrival' | 'wait';
  readonly of: readonly C['kind'][];
  ask(command: C, terms: Terms, turn: Turn): Passage;
}

export type AnyGate = DoorGate | RequestGate;

export const ADMIT: Admit = { kind: 'admit' };
export const FORWARD: Forward = { kind: 'forward' };

export function barred(
  code: FaultCode,
  detail: string,
  more?: Omit<Fault, 'code' | 'detail'>,
): Refuse {
  return { kind: 'refuse', fault: fault(code, detail, more) };
}

/** Admits the request unless there is a fault. */
export function unless(against: Fault | undefined): Admit | Refuse {
  return against === undefined ? ADMIT : { kind: 'refuse', fault: against };
}
