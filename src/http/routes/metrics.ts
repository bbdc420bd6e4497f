// GET /metrics: the exposition of the telemetry, as Prometheus takes it.

import type { App } from './app-type.ts';
import type { HttpContext } from '../context.ts';
import { commonHeaders } from './reply.ts';
import { addRoute } from './add-route.ts';

export function metricsRoutes(app: App, context: HttpContext): void {
  addRoute(app, context, 'metrics', async ({ reply }) => {
    const text = await context.metricsText();
    commonHeaders(context, reply);
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
  });
}
