// Measures the requests that fastify serves, under the operation's name in the route table.

import type { App } from './app-type.ts';
import { tablePath } from './access-hook.ts';
import type { HttpContext } from '../context.ts';
import { routeAt } from '../../api/routes.ts';

export function meterRequests(app: App, { meter, namespaces }: HttpContext): void {
  if (meter === undefined) return;
  app.addHook('onResponse', (request, reply, done) => {
    const { url } = request.routeOptions;
    const route = url === undefined ? undefined : routeAt(request.method, tablePath(url));
    const { ns = '' } = request.params as { readonly ns?: string };
    const level = namespaces.get(ns)?.consistency ?? '';
    meter.observe(route?.id ?? 'other', level, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
}
