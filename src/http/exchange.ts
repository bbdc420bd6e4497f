// What every request on the data path ends with, however it goes: its time is measured once, and its connection is
// told that the next request may run.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Policy } from '../model/policy.ts';
import { connectionOf } from './connection.ts';
import { type HttpContext, isDraining } from './context.ts';
import { type Refusal, statusOf } from './problem.ts';
import { sendProblem } from './refuse.ts';
import { OVERLOADED } from './shed.ts';
import type { HeaderList } from './reply-head.ts';

/** A request under way. */
export interface Exchange {
  readonly context: HttpContext;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly op: string;
  /** The namespace's level, '' while no namespace is known. */
  readonly level: string;
  readonly begunMs: number;
}

/**
 * What is left of the time that a request has, in ms, or why there is too little of it: it counts from the arrival, and the
 * request has to wait for those before it. `undefined` is what the policy gives.
 */
export function timeLeft(
  { context, begunMs }: Exchange,
  timeoutMs: number | undefined,
  policy: Policy,
): number | undefined | Refusal {
  const waitedMs = performance.now() - begunMs;
  const { waitMs } = context.admission;
  if (waitedMs < WAITED_MS_MIN && waitMs === 0) return timeoutMs;
  const leftMs = (timeoutMs ?? policy.timeoutMs) - waitedMs;
  if (leftMs > waitMs) return leftMs;
  context.admission.refuse();
  return OVERLOADED;
}

const WAITED_MS_MIN = 1;

/** The reply with this status has been handed to the socket. */
export function settle(exchange: Exchange, status: number): void {
  const { context, request, response, op, level, begunMs } = exchange;
  context.meter?.observe(op, level, status, (performance.now() - begunMs) / 1000);
  const connection = connectionOf(request.socket);
  if (connection === undefined) return;
  if (isDraining(context)) connection.end();
  connection.done(response);
}

export function refuse(exchange: Exchange, reason: Refusal, more?: HeaderList): void {
  sendProblem(exchange.context, exchange.request, exchange.response, reason, more);
  settle(exchange, statusOf(reason.code));
}
