// Answers a client with a fault.

import type { Asker, Lsn, Outbox } from './effect.ts';
import { type Fault, type FaultCode, fault } from './fault.ts';

/**
 * `lsn` names the batch that the reason depends on, if it is not durable yet: until `deadlineMs`.
 */
export function refuse(
  client: Asker,
  out: Outbox,
  code: FaultCode,
  detail: string,
  more: Omit<Fault, 'code' | 'detail'> = {},
  lsn: Lsn = 0,
  deadlineMs = Number.POSITIVE_INFINITY,
): void {
  out.reply(client, { kind: 'failed', fault: fault(code, detail, more) }, lsn, deadlineMs);
}

/** For a fault that depends on nothing undurable. */
export function refuseWith(client: Asker, out: Outbox, reason: Fault): void {
  out.reply(client, { kind: 'failed', fault: reason }, 0);
}
