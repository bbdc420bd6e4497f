// The time that a request has left: its timeout, less its age and its wait for earlier requests
// (admission.ts).

import type { FastifyRequest } from 'fastify';
import type { Policy } from '../../model/policy.ts';
import type { App } from '../routes/add-route.ts';
import { connectionOf } from './connection.ts';
import type { HttpContext } from '../context.ts';
import type { Refusal } from '../problem.ts';

const WAITED_MS_MIN = 1;

/** In ms, or why it is too little. `undefined` asks for the timeout of the policy. */
export function timeLeft(
  { admission }: HttpContext,
  waitedMs: number,
  timeoutMs: number | undefined,
  policy: Policy,
): number | undefined | Refusal {
  const { waitMs } = admission;
  if (waitedMs < WAITED_MS_MIN && waitMs === 0) return timeoutMs;
  const leftMs = (timeoutMs ?? policy.timeoutMs) - waitedMs;
  if (leftMs > waitMs) return leftMs;
  return admission.refuse();
}

const waits = new WeakMap<FastifyRequest, number>();

/** Stores the age that each request of fastify had when it was read. */
export function noteWaits(app: App): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const connection = connectionOf(request.raw.socket);
    if (connection !== undefined) waits.set(request, performance.now() - connection.arrivedMs);
    done();
  });
}

/**
 * The same as `timeLeft` for a request of fastify, which has its own parameter. The time for the
 * body does not count.
 */
export function readTimeLeft(
  context: HttpContext,
  request: FastifyRequest,
  timeoutMs: number | undefined,
  policy: Policy,
): number | undefined | Refusal {
  return timeLeft(context, waits.get(request) ?? 0, timeoutMs, policy);
}
