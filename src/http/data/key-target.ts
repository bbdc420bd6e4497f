// The parts of a request for one key, parsed by hand: `/v1/kv/{ns}/{key…}?query`. Access is checked
// before the namespace is looked up, so an absent namespace and a forbidden one get the same
// answer.

import type { Key } from '../../model/id.ts';
import type { Policy } from '../../model/policy.ts';
import { callerFor } from '../guard/auth.ts';
import { connectionOf } from '../guard/connection.ts';
import type { HttpContext } from '../context.ts';
import { keyFromPath, textFromBytes } from '../form/key-text.ts';
import type { HttpRequest } from '../message.ts';
import { isFault, type Refusal, refusal } from '../problem.ts';
import { percentDecode } from '../form/percent.ts';
import { splitQuery } from '../form/query.ts';
import { prefixOf, type Route, routeOf } from '../../api/routes.ts';

export interface KeyTarget {
  readonly route: Route;
  readonly policy: Policy;
  readonly key: Key;
  /** Names and values in turn. */
  readonly query: readonly string[];
}

const DATA_PREFIX = prefixOf('get');
const NO_QUERY: readonly string[] = [];
const GET = routeOf('get');
const PUT = routeOf('put');
const PATCH = routeOf('patch');
const DELETE = routeOf('delete');
const TOUCH = routeOf('touch');

/** True for `/v1/kv/{ns}/…`: a key follows, even if it is empty. */
export function isKeyTarget(url: string): boolean {
  if (!url.startsWith(DATA_PREFIX)) return false;
  const slash = url.indexOf('/', DATA_PREFIX.length);
  if (slash < 0) return false;
  const mark = url.indexOf('?', DATA_PREFIX.length);
  return mark < 0 || slash < mark;
}

export function keyRouteOf(method: string | undefined): Route | undefined {
  if (method === 'GET' || method === 'HEAD') return GET;
  if (method === 'PUT') return PUT;
  if (method === 'DELETE') return DELETE;
  if (method === 'POST') return TOUCH;
  return method === 'PATCH' ? PATCH : undefined;
}

/** Parses the target of requests; `authorization` is their Authorization header. */
export interface TargetDoor {
  read(request: HttpRequest, authorization: string | undefined): KeyTarget | Refusal;
}

export function createTargetDoor(context: HttpContext): TargetDoor {
  // Cached, because almost every request names the same namespace as the one before it.
  let lastPath = '';
  let namespace: string | undefined = '';
  let lastPolicy: Policy | undefined;
  return {
    read(request, authorization) {
      const route = keyRouteOf(request.method);
      if (route === undefined) return METHOD_NOT_ALLOWED;
      const url = request.url as string;
      if (lastPath === '' || !url.startsWith(lastPath)) {
        lastPath = url.slice(0, url.indexOf('/', DATA_PREFIX.length) + 1);
        namespace = namespaceOf(lastPath);
        lastPolicy = namespace === undefined ? undefined : context.namespaces.get(namespace);
      }
      if (namespace === undefined) return BAD_PATH;
      if (context.tokens !== undefined) {
        const denied = denyAccess(context, request, authorization, route, namespace);
        if (denied !== undefined) return denied;
      }
      if (lastPolicy === undefined) return NAMESPACE_NOT_FOUND;
      return readRest(route, lastPolicy, url, lastPath.length);
    },
  };
}

const METHOD_NOT_ALLOWED = refusal(
  'method-not-allowed',
  'the methods for a key are GET, HEAD, PUT, POST and DELETE',
);
const NAMESPACE_NOT_FOUND = refusal('namespace-not-found', 'there is no such namespace');
export const BAD_PATH = refusal('bad-request', 'the path is not percent-encoded UTF-8');
const BROKEN_QUERY = refusal('invalid-parameter', 'the query has a broken percent escape');

/** The namespace, decoded as the other routes decode it; `undefined` if it is not text. */
function namespaceOf(path: string): string | undefined {
  const bytes = percentDecode(path.slice(DATA_PREFIX.length, -1));
  return bytes === undefined ? undefined : textFromBytes(bytes);
}

function readRest(route: Route, policy: Policy, url: string, start: number): KeyTarget | Refusal {
  const mark = url.indexOf('?', start);
  const key = keyFromPath(mark < 0 ? url.slice(start) : url.slice(start, mark));
  if (isFault(key)) return key;
  const query = mark < 0 ? NO_QUERY : splitQuery(url.slice(mark + 1));
  return query === undefined ? BROKEN_QUERY : { route, policy, key, query };
}

function denyAccess(
  { auth }: HttpContext,
  request: HttpRequest,
  authorization: string | undefined,
  route: Route,
  namespace: string,
): Refusal | undefined {
  const address = connectionOf(request.socket)?.address ?? '';
  const caller = callerFor(auth, { authorization, address }, route.access, namespace);
  return isFault(caller) ? caller : undefined;
}
