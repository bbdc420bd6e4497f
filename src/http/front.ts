// The first look at every request, whichever front serves it: the rules of HTTP that Node's parser leaves to the
// server, what no route takes, and the choice between the data path and fastify.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { connectionOf } from './connection.ts';
import type { HttpContext } from './context.ts';
import { createDataPath } from './data-path.ts';
import { isKeyTarget } from './key-target.ts';
import { notBuilt } from './parameter.ts';
import { type Refusal, refusal } from './problem.ts';
import { sendProblem } from './refuse.ts';
import { RequestHead } from './request-head.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const ABSOLUTE_FORM = /^https?:\/\/([^/?#@]*)(.*)$/i;
const HOST = /^(?:[A-Za-z0-9._~!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?$/;

/** `slow` serves what is not on the data path. */
export function createFront(context: HttpContext, slow: Handler): Handler {
  const head = new RequestHead();
  const dataPath = createDataPath(context, head);
  const hosts = createHostCheck();

  const serve: Handler = (request, response) => {
    head.read(request.rawHeaders);
    const reason = refuseHead(request, head, hosts) ?? refuseTarget(context, request, head);
    if (reason !== undefined) {
      sendProblem(context, request, response, reason, codingHeaders(reason));
      connectionOf(request.socket)?.done();
      return;
    }
    const url = request.url as string;
    if (isKeyTarget(url)) {
      dataPath(request, response);
      return;
    }
    response.once('close', () => connectionOf(request.socket)?.done());
    if (head.expect !== undefined) response.writeContinue();
    slow(request, response);
  };

  return (request, response) => {
    const connection = connectionOf(request.socket);
    if (connection?.admit(request, response, serve) !== true) request.socket.destroy();
  };
}

function refuseHead(
  request: IncomingMessage,
  head: RequestHead,
  hosts: (host: string) => boolean,
): Refusal | undefined {
  if (head.repeated !== undefined) {
    return refusal('bad-request', `the header "${head.repeated}" came more than once`);
  }
  if (head.host === undefined ? request.httpVersion !== '1.0' : !hosts(head.host)) {
    return refusal('bad-request', 'the request needs one well-formed Host header');
  }
  if (head.transferEncoding !== undefined && !isPlainlyChunked(request, head)) {
    return refusal('bad-request', 'the only transfer coding is one "chunked", in HTTP/1.1');
  }
  if (head.contentEncoding !== undefined && head.contentEncoding.toLowerCase() !== 'identity') {
    return refusal('unsupported-media-type', 'no content coding is accepted');
  }
  if (head.unknown) return refusal('invalid-parameter', 'there is a Conit header of no known name');
  if (head.session !== undefined) return notBuilt('header', 'Conit-Session');
  if (head.context !== undefined) return notBuilt('header', 'Conit-Context');
  return undefined;
}

function isPlainlyChunked(request: IncomingMessage, head: RequestHead): boolean {
  if (request.httpVersion !== '1.1' || head.contentLength !== undefined) return false;
  return head.transferEncoding?.toLowerCase() === 'chunked';
}

/** Brings an absolute-form target into origin-form, or says what is wrong with the target. */
function refuseTarget(
  { limits }: HttpContext,
  request: IncomingMessage,
  head: RequestHead,
): Refusal | undefined {
  const url = request.url as string;
  if (request.rawHeaders.length > 2 * limits.headersMax) {
    return refusal('headers-too-large', `there are more than ${limits.headersMax} header lines`);
  }
  if (url.length > limits.urlBytesMax) {
    return refusal('uri-too-long', `the target is longer than ${limits.urlBytesMax} bytes`);
  }
  if (head.hasBody && takesNoBody(request.method)) {
    return refusal('bad-request', 'a request with this method takes no body');
  }
  if (url.charCodeAt(0) === 0x2f) return undefined;
  if (url === '*' && request.method === 'OPTIONS') return undefined;
  const match = ABSOLUTE_FORM.exec(url);
  if (match === null || match[1]?.toLowerCase() !== head.host?.toLowerCase()) {
    return refusal('bad-request', 'the target must be a path, or name this very host');
  }
  request.url = match[2]?.startsWith('/') === true ? match[2] : `/${match[2] ?? ''}`;
  return undefined;
}

function takesNoBody(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'DELETE';
}

// RFC 9110 section 15.5.16: a 415 for a coding says which ones are taken.
function codingHeaders(reason: Refusal): string[] {
  return reason.code === 'unsupported-media-type' ? ['Accept-Encoding', 'identity'] : [];
}

// Nearly every request names the host of the one before it.
function createHostCheck(): (host: string) => boolean {
  let last = '';
  return (host) => {
    if (host === last) return true;
    if (!HOST.test(host)) return false;
    last = host;
    return true;
  };
}
