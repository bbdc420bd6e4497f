// What is left of the time that a request has: it counts from the arrival, and those before it come first (admission.ts).

import type { FastifyRequest } from 'fastify';
import type { Policy } from '../../model/policy.ts';
import type { App } from '../routes/add-route.ts';
import { connectionOf } from './connection.ts';
import type { HttpContext } from '../context.ts';
import type { Refusal } from '../problem.ts';

const WAITED_MS_MIN = 1;

/** In ms, or why there is too little of it. `undefined` is what the policy gives. */
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

/** Remembers for how long each request that fastify serves had been here when it was looked at. */
export function noteWaits(app: App): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const connection = connectionOf(request.raw.socket);
    if (connection !== undefined) waits.set(request, performance.now() - connection.arrivedMs);
    done();
  });
}

/** As `timeLeft`, of a request that fastify serves, with what it says itself. What its body takes to come is no part of it. */
export function readTimeLeft(
  context: HttpContext,
  request: FastifyRequest,
  timeoutMs: number | undefined,
  policy: Policy,
): number | undefined | Refusal {
  return timeLeft(context, waits.get(request) ?? 0, timeoutMs, policy);
}
