// All connections of the server that are on the fast path. They start here, before Node's HTTP
// server sees them. Their time limits are checked at the same interval as those of Node's own
// connections.

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { assert, present } from '../../base/assert.ts';
import { reportBug } from '../data/break-off.ts';
import { connectionOf } from '../guard/connection.ts';
import type { HttpContext } from '../context.ts';
import type { HttpRequest, HttpResponse } from '../message.ts';
import { createParserErrorHandler } from '../guard/parser-error.ts';
import { checkRegularly } from '../guard/regularly.ts';
import { HeadReader } from './head-reader.ts';
import { FastConnection, type FastRoom } from './fast-connection.ts';
import { createQuickRefusal } from './quick-refusal.ts';
import { keepAliveLines } from './reply-text.ts';

/**
 * Small enough to hold one for every connection. Larger bodies share one bound, and are read by
 * Node.
 */
const BODY_BYTES_MAX = 16 * 1024 - 1;

export interface FastPath {
  /** Ends the connections that have no unanswered request. */
  closeIdle(): void;
  closeAll(): void;
}

/**
 * `serve` handles every request that is read here. Call it after the listeners of the connection
 * are set.
 */
export function openFastPath(
  server: Server,
  context: HttpContext,
  serve: (request: HttpRequest, response: HttpResponse) => void,
): FastPath {
  const { limits } = context;
  const open = new Set<FastConnection>();
  const toNode = takeConnections(server);
  const onParserError = createParserErrorHandler(context);
  const room: FastRoom = {
    limits,
    reader: new HeadReader(Math.min(BODY_BYTES_MAX, limits.valueBytesMax)),
    keepAlive: keepAliveLines(limits.keepAliveMs),
    refusal: createQuickRefusal(context),
    serve,
    handOver(socket, chunks, hasEnded) {
      toNode(socket);
      for (const chunk of chunks) if (!socket.destroyed) socket.emit('data', chunk);
      if (hasEnded) socket.emit('end');
      else socket.resume();
    },
    fail: (code, socket) => onParserError(Object.assign(new Error(code), { code }), socket),
    onBug: (error) => void reportBug(context, error),
    onLeft: (left) => void open.delete(left),
  };
  server.on('connection', (socket: Socket) => {
    // The address has too many connections.
    if (socket.destroyed) return;
    const connection = present(connectionOf(socket), 'fast path: a socket without its connection');
    open.add(new FastConnection(socket, connection, room));
  });
  checkRegularly(server, limits.connectionsCheckMs, (nowMs) => {
    for (const each of open) each.check(nowMs);
  });
  return {
    closeIdle() {
      for (const each of open) if (each.isIdle) each.destroy();
    },
    closeAll() {
      for (const each of open) each.destroy();
    },
  };
}

/** Removes Node's own connection listener and returns a function that hands a connection to it. */
function takeConnections(server: Server): (socket: Socket) => void {
  const [listener] = server.listeners('connection') as ((socket: Socket) => void)[];
  assert(listener !== undefined, 'fast path: the HTTP server takes no connections');
  server.off('connection', listener);
  return (socket) => listener.call(server, socket);
}
