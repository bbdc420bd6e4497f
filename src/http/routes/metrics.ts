// GET /metrics: the exposition of the telemetry, as Prometheus takes it.

import { Type } from 'typebox';
import type { App } from '../app-type.ts';
import type { HttpContext } from '../context.ts';
import { commonHeaders } from '../reply.ts';
import { ProblemShape } from '../../api/shapes.ts';

export function metricsRoutes(app: App, context: HttpContext): void {
  const schema = {
    operationId: 'metrics',
    summary: 'Prometheus metrics',
    produces: ['text/plain'],
    querystring: Type.Object({}, { additionalProperties: false }),
    response: { 200: Type.String(), default: ProblemShape },
  };
  app.get('/metrics', { schema }, async (_request, reply) => {
    const text = await context.metricsText();
    commonHeaders(context, reply);
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
  });
}
