// GET /openapi.json, made from the tables of api/ (openapi.ts), its page /docs, and GET /, which
// links both.

import swagger, { type StaticDocumentSpec } from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { pathTo } from '../../api/routes.ts';
import { addRoute, type App } from './add-route.ts';
import type { HttpContext } from '../context.ts';
import { freeze } from './frozen.ts';
import { openApi } from './openapi.ts';
import { replyJson } from './reply.ts';

export async function documentRoutes(app: App, context: HttpContext): Promise<void> {
  const document = openApi(context.version, context.advertised);
  await app.register(swagger, { mode: 'static', specification: specificationOf(document) });
  const json = freeze('application/json', () => JSON.stringify(document));
  const yaml = freeze('application/x-yaml', () => app.swagger({ yaml: true }));
  // The page's own routes would build the document for each request.
  app.addHook('preHandler', (request, reply, done) => {
    const { url } = request.routeOptions;
    if (url === '/docs/json') void json.send(context, reply);
    else if (url === '/docs/yaml') void yaml.send(context, reply);
    else done();
  });
  await app.register(swaggerUi, { routePrefix: pathTo('docs'), staticCSP: true });
  addRoute(app, context, 'openapi', ({ reply }) => json.send(context, reply));
  addRoute(app, context, 'root', ({ reply }) => {
    const { version } = context;
    const paths = { docs: pathTo('docs'), openapi: pathTo('openapi') };
    return replyJson(context, reply, { name: 'conit', version, ...paths });
  });
}

/** The package's types cover OpenAPI 3.0 only. */
function specificationOf(document: object): StaticDocumentSpec {
  return { document: document as StaticDocumentSpec['document'] & object };
}
