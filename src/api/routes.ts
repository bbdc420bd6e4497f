// Every route of the API, the role that it needs, and the front of the server that serves it. The
// server serves nothing else: it refuses to start with a route that is missing here, and the tests
// call every route with every role. The data front serves one key at a time without a framework;
// everything else is a fastify route. A GET route answers HEAD as well.

/**
 * `write` includes `read`, `admin` includes both. `metrics` may read /metrics only; so may admins.
 */
export type Role = 'read' | 'write' | 'admin' | 'metrics';

export const ROLES: readonly Role[] = ['read', 'write', 'admin', 'metrics'];

/**
 * Where the role must be held. `somewhere`: in any namespace, for answers without content of a
 * namespace.
 */
export type Access =
  | { readonly kind: 'open' }
  | { readonly kind: 'namespace'; readonly role: Role }
  | { readonly kind: 'cluster'; readonly role: Role }
  | { readonly kind: 'somewhere'; readonly role: Role };

export type Method = 'GET' | 'PUT' | 'PATCH' | 'DELETE' | 'POST';

interface Row<Path extends string> {
  readonly method: Method;
  /** As OpenAPI writes it. `{key}` takes the rest of the path, slashes included. */
  readonly path: Path;
  readonly access: Access;
  readonly front: 'data' | 'fastify';
}

const OPEN: Access = { kind: 'open' };
const NAMESPACE_READ: Access = { kind: 'namespace', role: 'read' };
const NAMESPACE_WRITE: Access = { kind: 'namespace', role: 'write' };
const READ_SOMEWHERE: Access = { kind: 'somewhere', role: 'read' };
const ADMIN: Access = { kind: 'cluster', role: 'admin' };
const METRICS: Access = { kind: 'cluster', role: 'metrics' };

const TABLE = {
  get: data('GET', NAMESPACE_READ),
  put: data('PUT', NAMESPACE_WRITE),
  patch: data('PATCH', NAMESPACE_WRITE),
  delete: data('DELETE', NAMESPACE_WRITE),
  touch: data('POST', NAMESPACE_WRITE),
  list: route('GET', '/v1/kv/{ns}', NAMESPACE_READ),
  'delete-range': route('DELETE', '/v1/kv/{ns}', NAMESPACE_WRITE),
  // Each operation that writes needs the role `write`.
  batch: route('POST', '/v1/batch/{ns}', NAMESPACE_READ),
  'write-status': route('GET', '/v1/writes/{dot}', READ_SOMEWHERE),
  explain: route('GET', '/v1/explain/{ns}/{key}', NAMESPACE_READ),
  cluster: route('GET', '/v1/cluster', READ_SOMEWHERE),
  replica: route('GET', '/v1/cluster/replicas/{id}', READ_SOMEWHERE),
  route: route('GET', '/v1/route', READ_SOMEWHERE),
  join: route('POST', '/v1/cluster/replicas', ADMIN),
  forget: route('POST', '/v1/cluster/replicas/{id}/forget', ADMIN),
  drain: route('POST', '/v1/cluster/replicas/{id}/drain', ADMIN),
  resume: route('POST', '/v1/cluster/replicas/{id}/resume', ADMIN),
  resync: route('POST', '/v1/cluster/replicas/{id}/resync', ADMIN),
  job: route('GET', '/v1/jobs/{id}', ADMIN),
  namespaces: route('GET', '/v1/namespaces', READ_SOMEWHERE),
  namespace: route('GET', '/v1/namespaces/{ns}', NAMESPACE_READ),
  livez: route('GET', '/livez', OPEN),
  readyz: route('GET', '/readyz', OPEN),
  metrics: route('GET', '/metrics', METRICS),
  openapi: route('GET', '/openapi.json', OPEN),
  docs: route('GET', '/docs', OPEN),
  root: route('GET', '/', OPEN),
} as const satisfies { readonly [id: string]: Row<string> };

/** Also the `op` label of the metrics and, in OpenAPI, the id of the operation. */
export type RouteId = keyof typeof TABLE;

export interface Route extends Row<string> {
  readonly id: RouteId;
}

type NamesIn<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | NamesIn<Rest>
  : never;

/** The parameters in the path of a route. */
export type PathOf<Id extends RouteId> = {
  readonly [Name in NamesIn<(typeof TABLE)[Id]['path']>]: string;
};

export const ROUTES: readonly Route[] = Object.entries(TABLE).map(([id, row]) => {
  return { ...row, id: id as RouteId };
});

/** A route of this table, found by its OpenAPI path and method. */
export function routeAt(method: string, path: string): Route | undefined {
  const asked = method === 'HEAD' ? 'GET' : method;
  return ROUTES.find((one) => one.method === asked && one.path === path);
}

export function routeOf(id: RouteId): Route {
  return { ...TABLE[id], id };
}

/** The methods for an Allow header at an actual path; none if no route matches. */
export function methodsAt(path: string): readonly string[] {
  const methods = ROUTES.filter((one) => matches(one.path, path)).map(({ method }) => method);
  return methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
}

/** The path of a request. Slashes of a key are not escaped, as a person would write it. */
export function pathTo<Id extends RouteId>(
  id: Id,
  ...[parameters]: keyof PathOf<Id> extends never ? [] : [PathOf<Id>]
): string {
  const values: { readonly [name: string]: string } = parameters ?? {};
  return TABLE[id].path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name] ?? '';
    return name === 'key'
      ? value.split('/').map(encodeURIComponent).join('/')
      : encodeURIComponent(value);
  });
}

/** The path of a route up to its first parameter. */
export function prefixOf(id: RouteId): string {
  return TABLE[id].path.split('{', 1)[0] as string;
}

function matches(template: string, path: string): boolean {
  const wanted = template.split('/');
  const given = path.split('/');
  const isLonger = template.endsWith('/{key}') && given.length > wanted.length;
  if (given.length !== wanted.length && !isLonger) return false;
  return wanted.every((part, at) => part.startsWith('{') || part === given[at]);
}

function data(method: Method, access: Access): Row<'/v1/kv/{ns}/{key}'> {
  return { method, path: '/v1/kv/{ns}/{key}', access, front: 'data' };
}

function route<const Path extends string>(method: Method, path: Path, access: Access): Row<Path> {
  return { method, path, access, front: 'fastify' };
}
