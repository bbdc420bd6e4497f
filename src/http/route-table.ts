// Every route of the server, what it takes to call it, and which front serves it. Nothing is served that is not in
// this table: fastify refuses to start with a route that is missing here, and the tests call every route with every
// role. The data front serves one key at a time without a framework; everything else is a fastify route.

import type { Role } from './token.ts';

/** Where the role must be held. `somewhere`: in any namespace, for what shows nothing of a namespace's content. */
export type Access =
  | { readonly kind: 'open' }
  | { readonly kind: 'namespace'; readonly role: Role }
  | { readonly kind: 'cluster'; readonly role: Role }
  | { readonly kind: 'somewhere'; readonly role: Role };

export interface Route {
  /** Also the `op` label of the metrics. */
  readonly id: RouteId;
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'DELETE' | 'POST';
  /** As OpenAPI writes it. `{key}` takes the rest of the path, slashes included. */
  readonly path: string;
  readonly access: Access;
  readonly front: 'data' | 'fastify';
  /** Query parameters that are planned and not built: a request that has one is refused by name. */
  readonly notBuilt: readonly string[];
}

export type RouteId =
  | 'get'
  | 'put'
  | 'patch'
  | 'delete'
  | 'touch'
  | 'list'
  | 'delete-range'
  | 'batch'
  | 'write-status'
  | 'explain'
  | 'cluster'
  | 'replica'
  | 'route'
  | 'join'
  | 'forget'
  | 'drain'
  | 'resume'
  | 'resync'
  | 'job'
  | 'namespaces'
  | 'namespace'
  | 'livez'
  | 'readyz'
  | 'metrics'
  | 'openapi'
  | 'docs'
  | 'root';

const OPEN: Access = { kind: 'open' };
const NAMESPACE_READ: Access = { kind: 'namespace', role: 'read' };
const NAMESPACE_WRITE: Access = { kind: 'namespace', role: 'write' };
const READ_SOMEWHERE: Access = { kind: 'somewhere', role: 'read' };
const ADMIN: Access = { kind: 'cluster', role: 'admin' };
const METRICS: Access = { kind: 'cluster', role: 'metrics' };

const READ_BOUNDS = ['t', 'n', 'proof'];
const KEY_PATH = '/v1/kv/{ns}/{key}';

/** A GET route answers HEAD as well. */
export const ROUTES: readonly Route[] = [
  data('get', 'GET', NAMESPACE_READ, [...READ_BOUNDS, 'w', 'wait']),
  data('put', 'PUT', NAMESPACE_WRITE, []),
  data('patch', 'PATCH', NAMESPACE_WRITE, []),
  data('delete', 'DELETE', NAMESPACE_WRITE, []),
  data('touch', 'POST', NAMESPACE_WRITE, []),
  route('list', 'GET', '/v1/kv/{ns}', NAMESPACE_READ, [...READ_BOUNDS, 'w', 'wait']),
  route('delete-range', 'DELETE', '/v1/kv/{ns}', NAMESPACE_WRITE, READ_BOUNDS),
  // Operations that write ask for the role `write` one by one.
  route('batch', 'POST', '/v1/batch/{ns}', NAMESPACE_READ, [
    ...READ_BOUNDS,
    'onUnmet',
    'redirect',
    'wait',
  ]),
  route('write-status', 'GET', '/v1/writes/{dot}', READ_SOMEWHERE, ['watch']),
  route('explain', 'GET', '/v1/explain/{ns}/{key}', NAMESPACE_READ),
  route('cluster', 'GET', '/v1/cluster', READ_SOMEWHERE),
  route('replica', 'GET', '/v1/cluster/replicas/{id}', READ_SOMEWHERE),
  route('route', 'GET', '/v1/route', READ_SOMEWHERE),
  route('join', 'POST', '/v1/cluster/replicas', ADMIN),
  route('forget', 'POST', '/v1/cluster/replicas/{id}/forget', ADMIN),
  route('drain', 'POST', '/v1/cluster/replicas/{id}/drain', ADMIN),
  route('resume', 'POST', '/v1/cluster/replicas/{id}/resume', ADMIN),
  route('resync', 'POST', '/v1/cluster/replicas/{id}/resync', ADMIN),
  route('job', 'GET', '/v1/jobs/{id}', ADMIN),
  route('namespaces', 'GET', '/v1/namespaces', READ_SOMEWHERE),
  route('namespace', 'GET', '/v1/namespaces/{ns}', NAMESPACE_READ),
  route('livez', 'GET', '/livez', OPEN),
  route('readyz', 'GET', '/readyz', OPEN),
  route('metrics', 'GET', '/metrics', METRICS),
  route('openapi', 'GET', '/openapi.json', OPEN),
  route('docs', 'GET', '/docs', OPEN),
  route('root', 'GET', '/', OPEN),
];

/** A route of this table, found by what OpenAPI calls it. */
export function routeAt(method: string, path: string): Route | undefined {
  const asked = method === 'HEAD' ? 'GET' : method;
  return ROUTES.find((one) => one.method === asked && one.path === path);
}

export function routeOf(id: RouteId): Route {
  return ROUTES.find((one) => one.id === id) as Route;
}

/** The methods for an Allow header at an actual path; none when nothing is there. */
export function methodsAt(path: string): readonly string[] {
  const methods = ROUTES.filter((one) => matches(one.path, path)).map(({ method }) => method);
  return methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
}

function matches(template: string, path: string): boolean {
  const wanted = template.split('/');
  const given = path.split('/');
  const isLonger = template.endsWith('/{key}') && given.length > wanted.length;
  if (given.length !== wanted.length && !isLonger) return false;
  return wanted.every((part, at) => part.startsWith('{') || part === given[at]);
}

function data(
  id: RouteId,
  method: Route['method'],
  access: Access,
  notBuilt: readonly string[],
): Route {
  return { id, method, path: KEY_PATH, access, front: 'data', notBuilt };
}

function route(
  id: RouteId,
  method: Route['method'],
  path: string,
  access: Access,
  notBuilt: readonly string[] = [],
): Route {
  return { id, method, path, access, front: 'fastify', notBuilt };
}
