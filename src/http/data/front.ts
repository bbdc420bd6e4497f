// The first check of every request, on the fast path or behind Node's parser: the rules of HTTP
// that Node's parser leaves to the server, requests that no route accepts, and the choice between
// the data path and fastify.

import { IncomingMessage, ServerResponse } from 'node:http';
import { assert, present } from '../../base/assert.ts';
import { CROWDED } from '../guard/arriving.ts';
import { collectBody } from './body.ts';
import { breakOff } from './break-off.ts';
import { connectionOf } from '../guard/connection.ts';
import type { HttpContext } from '../context.ts';
import { allowOrigin, answerPreflight, isPreflight } from '../guard/cors.ts';
import { createDataPath } from './data-path.ts';
import { isKeyTarget } from './key-target.ts';
import type { HttpRequest, HttpResponse } from '../message.ts';
import { notBuilt } from '../../api/readers.ts';
import { type Refusal, refusal } from '../problem.ts';
import { sendProblem } from './refuse.ts';
import { RequestHead } from '../form/request-head.ts';
import { methodsAt } from '../../api/routes.ts';
import { OTHER_VERSION, UNENCODED } from '../guard/parser-error.ts';
import { isCrossSite } from '../guard/site-door.ts';

type Handler = (request: HttpRequest, response: HttpResponse) => void;
type NodeHandler = (request: IncomingMessage, response: ServerResponse) => void;

const ABSOLUTE_FORM = /^https?:\/\/([^/?#@]*)(.*)$/i;
/**
 * Neither RFC 3986 nor the URL standard of browsers allows these in a target. Other characters that
 * browsers send without an escape are accepted.
 */
const NOT_IN_A_TARGET = /["#<>]/;
const VERSIONLESS = refusal('bad-request', 'the request line names no version of HTTP');
const VERSIONS: readonly (string | undefined)[] = ['1.1', '1.0'];
const EXPECTATION_FAILED = refusal(
  'expectation-failed',
  'the only supported expectation is 100-continue',
);
const TOO_MANY_WAIT = refusal(
  'overloaded',
  'too many requests wait for earlier ones on their connections, so this one and those after it were not ' +
    'looked at. Send them again later on a new connection',
  { retryAfterMs: 1000 },
);
const UNKNOWN_HOST = refusal(
  'unknown-host',
  'the Host of the request is not a name of this replica, so a page may have sent it here by DNS rebinding; ' +
    'nothing happened. Use an address of this replica, or name the host in CONIT_HOSTS (--hosts)',
);
const CROSS_SITE = refusal(
  'cross-site',
  'a page of another web site sent this request, and nothing happened. If it may, name its origin in ' +
    'CONIT_ORIGINS (--origins)',
);

/** `slow` serves all requests that are not for the data path. */
export function createFront(context: HttpContext, slow: NodeHandler): Handler {
  const head = new RequestHead();
  const dataPath = createDataPath(context, head);
  const { origins } = context;

  const serve: Handler = (request, response) => {
    head.read(request.rawHeaders);
    // Node's parser treats the rest of the packet as another protocol, and drops it.
    if (head.upgrade !== undefined) connectionOf(request.socket)?.endBehind(response);
    if (head.origin !== undefined && origins.has(head.origin)) allowOrigin(response, head.origin);
    const reason =
      refuseHead(context, request, head) ??
      refuseTarget(context, request, head) ??
      refuseSite(context, request, head) ??
      refuseContent(request, head);
    if (reason !== undefined) return turnAway(request, response, reason);
    if (isPreflight(head, request.method)) {
      answerPreflight(head, response);
      connectionOf(request.socket)?.done(response);
      return;
    }
    const isUnsure = head.transferEncoding !== undefined && takesNoBody(request.method);
    if (isUnsure && isRouted(request)) skipEmptyBody(request, response);
    else route(request, response);
  };

  const route: Handler = (request, response) => {
    const url = request.url as string;
    if (isKeyTarget(url)) return dataPath(request, response);
    connectionOf(request.socket)?.doneWith(response);
    if (head.expectsContinue(request) && isRouted(request)) response.writeContinue();
    assert(request instanceof IncomingMessage, 'front: the request was not read by Node');
    assert(response instanceof ServerResponse, 'front: the reply is not of Node');
    slow(request, response);
  };

  /** Only reading shows whether chunks hold any bytes; an empty chunk is no body. */
  const skipEmptyBody: Handler = (request, response) => {
    if (head.expectsContinue(request)) response.writeContinue();
    collectBody(request, 0, context.arriving, {
      onBody() {
        delete request.headers['transfer-encoding'];
        // Further requests were read in the meantime.
        head.read(request.rawHeaders);
        head.transferEncoding = undefined;
        // 100 Continue was sent to the client.
        head.expect = undefined;
        route(request, response);
      },
      onTooLarge: () => turnAway(request, response, NO_BODY),
      onCrowded: () => turnAway(request, response, CROWDED),
      onBroken: (error) => breakOff(context, request, response, error),
    });
  };

  const turnAway = (request: HttpRequest, response: HttpResponse, reason: Refusal): void => {
    sendProblem(context, request, response, reason, codingHeaders(reason));
    connectionOf(request.socket)?.done(response);
  };

  // A waiting request may be started while the answer to another one is handled, so its exceptions
  // are caught here.
  const guarded: Handler = (request, response) => {
    try {
      serve(request, response);
    } catch (error) {
      breakOff(context, request, response, error);
    }
  };

  /** Too many requests wait for earlier ones on their connections. */
  const refuseLast: Handler = (request, response) => {
    connectionOf(request.socket)?.endBehind(response);
    turnAway(request, response, TOO_MANY_WAIT);
  };

  return (request, response) => {
    const connection = present(
      connectionOf(request.socket),
      'front: a socket without its connection',
    );
    connection.admit(request, response, guarded, refuseLast);
  };
}

function refuseHead(
  { hostDoor }: HttpContext,
  request: HttpRequest,
  head: RequestHead,
): Refusal | undefined {
  if (request.httpVersion === '0.9') return VERSIONLESS;
  if (!VERSIONS.includes(request.httpVersion)) return OTHER_VERSION;
  if (head.repeated !== undefined) {
    return refusal('bad-request', `the header "${head.repeated}" came more than once`);
  }
  if (head.expectsMore(request)) return EXPECTATION_FAILED;
  const host = head.host === undefined ? hostless(request) : hostDoor.check(head.host);
  if (host === 'malformed') {
    return refusal('bad-request', 'the request needs one well-formed Host header');
  }
  if (host === 'unknown') return UNKNOWN_HOST;
  if (head.transferEncoding !== undefined && !isPlainlyChunked(request, head)) {
    return refusal(
      'bad-request',
      'the only accepted Transfer-Encoding is one "chunked", in HTTP/1.1',
    );
  }
  if (head.unknown)
    return refusal(
      'invalid-parameter',
      'the request has an unknown Conit- header, and nothing was done; see /docs for the headers',
    );
  if (head.context !== undefined) return notBuilt('header', 'Conit-Context');
  return undefined;
}

function isPlainlyChunked(request: HttpRequest, head: RequestHead): boolean {
  if (request.httpVersion !== '1.1' || head.contentLength !== undefined) return false;
  return head.transferEncoding?.toLowerCase() === 'chunked';
}

/** Only HTTP/1.0 allows requests without a Host, and no browser sends it. */
function hostless({ httpVersion }: HttpRequest): 'taken' | 'malformed' {
  return httpVersion === '1.0' ? 'taken' : 'malformed';
}

function refuseSite(
  { origins }: HttpContext,
  request: HttpRequest,
  head: RequestHead,
): Refusal | undefined {
  return isCrossSite(head, request.method, request.url as string, origins) ? CROSS_SITE : undefined;
}

/** Brings an absolute-form target into origin-form, or returns the reason for a refusal. */
function refuseTarget(
  { limits }: HttpContext,
  request: HttpRequest,
  head: RequestHead,
): Refusal | undefined {
  const url = request.url as string;
  if (request.rawHeaders.length > 2 * limits.headersMax) {
    return refusal('headers-too-large', `there are more than ${limits.headersMax} header lines`);
  }
  if (url.length > limits.urlBytesMax) {
    return refusal('uri-too-long', `the target is longer than ${limits.urlBytesMax} bytes`);
  }
  if (NOT_IN_A_TARGET.test(url)) return UNENCODED;
  if (url.charCodeAt(0) === 0x2f) return undefined;
  if (url === '*' && request.method === 'OPTIONS') return undefined;
  const match = ABSOLUTE_FORM.exec(url);
  if (match === null || match[1]?.toLowerCase() !== head.host?.toLowerCase()) {
    return refusal(
      'bad-request',
      'the target must be a path, or a URL with the host of this request',
    );
  }
  request.url = match[2]?.startsWith('/') === true ? match[2] : `/${match[2] ?? ''}`;
  return undefined;
}

const NO_BODY = refusal('bad-request', 'a request with this method takes no body');
const NO_CODING = refusal(
  'unsupported-media-type',
  'a request body must not have a content coding',
);

/**
 * A fault of the body that is known before the body is read. A request without a route gets the
 * fault of the missing route instead.
 */
function refuseContent(request: HttpRequest, head: RequestHead): Refusal | undefined {
  const coding = head.contentEncoding?.toLowerCase() ?? 'identity';
  const hasLength = head.transferEncoding === undefined && head.hasBody;
  const isUnwanted = hasLength && takesNoBody(request.method);
  if (!isUnwanted && coding === 'identity') return undefined;
  if (!isRouted(request)) return undefined;
  return isUnwanted ? NO_BODY : NO_CODING;
}

/** True if a route has this path and method. The page of the documentation has its own paths. */
function isRouted({ url = '', method = '' }: HttpRequest): boolean {
  const path = url.split('?', 1)[0] as string;
  return path.startsWith('/docs/') || methodsAt(path).includes(method);
}

function takesNoBody(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'DELETE';
}

// RFC 9110 section 15.5.16: a 415 for a content coding lists the supported ones.
function codingHeaders(reason: Refusal): string[] {
  return reason.code === 'unsupported-media-type' ? ['Accept-Encoding', 'identity'] : [];
}
