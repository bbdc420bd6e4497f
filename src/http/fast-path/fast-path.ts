// All connections of the server that are on the fast path. They begin here, before Node's HTTP server sees them, and are
// looked at in the rhythm of Node's own connections for those whose time is over.

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { assert, present } from '../../base/assert.ts';
import { reportBug } from '../data/break-off.ts';
import { connectionOf } from '../guard/connection.ts';
import type { HttpContext } from '../context.ts';
import type { HttpRequest, HttpResponse } from '../message.ts';
import { createParserErrorHandler } from '../guard/parser-error.ts';
import { HeadReader } from './head-reader.ts';
import { FastConnection, type FastRoom } from './fast-connection.ts';
import { createQuickRefusal } from './quick-refusal.ts';
import { keepAliveLines } from './reply-text.ts';

/** Small enough for as many as there are connections; larger bodies have a bound over all of them, and are left to Node. */
const BODY_BYTES_MAX = 16 * 1024 - 1;

export interface FastPath {
  /** Ends the connections on which nothing was asked that is not answered. */
  closeIdle(): void;
  closeAll(): void;
}

/** `serve` takes every request that is read here. Call it when the listeners that each connection needs are set. */
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
    // One too many of its address.
    if (socket.destroyed) return;
    const connection = present(connectionOf(socket), 'fast path: a socket without its connection');
    open.add(new FastConnection(socket, connection, room));
  });
  checkRegularly(server, limits.connectionsCheckMs, open);
  return {
    closeIdle() {
      for (const each of open) if (each.isIdle) each.destroy();
    },
    closeAll() {
      for (const each of open) each.destroy();
    },
  };
}

/** New connections no longer go to Node's HTTP server by themselves; gives the way to it. */
function takeConnections(server: Server): (socket: Socket) => void {
  const [listener] = server.listeners('connection') as ((socket: Socket) => void)[];
  assert(listener !== undefined, 'fast path: the HTTP server takes no connections');
  server.off('connection', listener);
  return (socket) => listener.call(server, socket);
}

function checkRegularly(server: Server, everyMs: number, open: ReadonlySet<FastConnection>): void {
  let timer: NodeJS.Timeout | undefined;
  server.on('listening', () => {
    clearInterval(timer);
    timer = setInterval(() => {
      const nowMs = performance.now();
      for (const each of open) each.check(nowMs);
    }, everyMs);
    timer.unref();
  });
  server.on('close', () => clearInterval(timer));
}
