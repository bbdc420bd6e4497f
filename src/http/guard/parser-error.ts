// Input that Node's parser refuses, or that a client leaves unfinished, never becomes a request. It
// is answered here, on the bare socket, with a problem like any other. That is the last reply of
// its connection: it is sent after the answers to earlier requests, so that the client does not
// take it for one of them.

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { reportBug } from '../data/break-off.ts';
import { connectionOf } from './connection.ts';
import type { HttpContext } from '../context.ts';
import { statusOf } from '../../api/problems.ts';
import { problemDocument, type Refusal, refusal } from '../problem.ts';
import { problemHead } from '../data/refuse.ts';
import { dateLine, headLines } from '../fast-path/reply-text.ts';

interface ParserError extends Error {
  readonly code?: string;
  /** Why Node's parser refused it. */
  readonly reason?: string;
  /** The bytes that Node's parser was reading, which may begin with earlier requests. */
  readonly rawPacket?: unknown;
  /** The number of bytes that it had accepted. */
  readonly bytesParsed?: number;
}

/** A request line that would be valid with a method that the server knows. */
const REQUEST_LINE = /[A-Z][A-Z-]{0,31} [^ \r\n]{1,8192} HTTP\/1\.[01]\r\n/y;
/** Shared with front.ts. */
export const UNENCODED = refusal(
  'bad-request',
  'the target has a character that must be percent-encoded',
);
export const OTHER_VERSION = refusal(
  'version-not-supported',
  'this server speaks HTTP/1.1 and HTTP/1.0; nothing happened',
);
/** Other faults after the version have the same code. */
const NO_SUCH_VERSION = 'Invalid HTTP version';
const METHOD_BYTES_MAX = 32;
const LINE_BYTES_MAX = 9000;
const METHODS = ['Allow', 'GET, HEAD, PUT, DELETE, POST'];

export function createParserErrorHandler(
  context: HttpContext,
): (error: ParserError, socket: Socket) => void {
  return (error, socket) => {
    try {
      onError(context, error, socket);
    } catch (bug) {
      reportBug(context, bug);
      socket.destroy();
    }
  };
}

function onError(context: HttpContext, error: ParserError, socket: Socket): void {
  const connection = connectionOf(socket);
  if (connection === undefined || connection.hasFailed || connection.isEnding) return;
  // Bytes after a request that closes the connection are ignored; Node ends the connection with the
  // reply.
  if (error.code === 'HPE_CLOSED_CONNECTION') {
    connection.hasFailed = true;
    return;
  }
  if (error.code === 'ECONNRESET' || !socket.writable) {
    connection.hasFailed = true;
    socket.destroy();
    return;
  }
  // Read now, because the parser reuses the buffer that the error refers to.
  const reason = refusalOf(error);
  connection.failBehind(() => {
    // An earlier answer may not have been sent yet.
    if (connection.isAnsweredEarly) socket.destroySoon();
    else answer(context, socket, reason);
  });
}

/** CONNECT would turn the connection into a tunnel. */
export function refuseTunnels(server: Server, context: HttpContext): void {
  server.on('connect', (_request, socket: Duplex) => {
    socket.on('error', () => socket.destroy());
    answer(context, socket, refusal('method-not-allowed', 'this server does not open tunnels'));
  });
}

function answer(context: HttpContext, socket: Duplex, reason: Refusal): void {
  socket.end(render(context, reason));
  // The server reads for a moment longer, so that the client can read the answer before the
  // connection ends.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), context.limits.lingerMs);
  socket.once('close', () => {
    clearTimeout(timer);
  });
}

function render(context: HttpContext, reason: Refusal): string {
  const body = JSON.stringify(problemDocument(reason, context.source));
  const more = reason.code === 'method-not-allowed' ? METHODS : [];
  const head = problemHead(context, reason, more);
  head.push('Content-Length', String(Buffer.byteLength(body)), 'Connection', 'close');
  return `${headLines(statusOf(reason.code), head)}${dateLine()}\r\n${body}`;
}

/** The parser stopped within an unknown method, and the rest of the line is valid. */
function hasUnknownMethod({ rawPacket, bytesParsed = 0 }: ParserError): boolean {
  if (!Buffer.isBuffer(rawPacket)) return false;
  const from = Math.max(bytesParsed - METHOD_BYTES_MAX, 0);
  const line = rawPacket.toString('latin1', from, bytesParsed + LINE_BYTES_MAX);
  for (let at = 0; at <= bytesParsed - from; at++) {
    REQUEST_LINE.lastIndex = at;
    if (REQUEST_LINE.test(line)) return true;
  }
  return false;
}

function refusalOf(error: ParserError): Refusal {
  const { code } = error;
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return refusal('headers-too-large', 'request line and headers are too large');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return refusal('content-too-large', 'the chunk extensions are too large');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refusal('request-timeout', 'the request did not arrive in time');
    case 'HPE_INVALID_URL':
      return UNENCODED;
    case 'HPE_PAUSED_H2_UPGRADE':
      return OTHER_VERSION;
    case 'HPE_INVALID_METHOD':
      return hasUnknownMethod(error)
        ? refusal('method-not-allowed', 'the method is unknown')
        : refusal('bad-request', 'this is not HTTP/1.1');
    case undefined:
    default:
      if (error.reason === NO_SUCH_VERSION) return OTHER_VERSION;
      return refusal('bad-request', 'the request is malformed');
  }
}
