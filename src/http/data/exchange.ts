// The common end of every request on the data path: its time is measured once, and its connection
// may start the next request.

import { connectionOf } from '../guard/connection.ts';
import { type HttpContext, isDraining } from '../context.ts';
import type { HttpRequest, HttpResponse } from '../message.ts';
import { statusOf } from '../../api/problems.ts';
import type { Refusal } from '../problem.ts';
import { sendProblem } from './refuse.ts';
import type { HeaderList } from '../form/reply-head.ts';

/** A request in progress. */
export interface Exchange {
  readonly context: HttpContext;
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly op: string;
  /** The consistency level of the namespace; '' while the namespace is unknown. */
  readonly level: string;
  readonly begunMs: number;
}

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
