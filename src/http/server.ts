// The HTTP server: one port, two front ends over one node:http server. The data path serves
// requests for one key, fastify all others. Node's own limits apply before both; the fast path
// (fast-path/) reads ordinary requests for keys before Node sees their connection.

import { createServer, type Server } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert, present } from '../base/assert.ts';
import { isLoopback } from '../model/address.ts';
import { createApp } from './routes/app.ts';
import { limitConnections } from './guard/connection-limit.ts';
import { createContext, type HttpContext, type HttpServerOptions } from './context.ts';
import { createFront } from './data/front.ts';
import { type FastPath, openFastPath } from './fast-path/fast-path.ts';
import { refuseTunnels } from './guard/parser-error.ts';

export interface HttpServer {
  /**
   * The address at which it listens; throws a readable error for an address that it must not open.
   */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>;
  /** From now on /readyz answers 503 and every reply closes its connection. */
  beginDrain(): void;
  /**
   * Answers new clients for `noticeMs`, then accepts no more and finishes running requests. After
   * `drainMs` it gives up: waiting clients get an answer that says so, and remaining connections
   * are cut.
   */
  close(options?: { readonly giveUp?: () => void; readonly hasNotice?: boolean }): Promise<void>;
}

export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const context = createContext(options);
  context.jobs.attach(options.service);
  let server: Server | undefined;
  let fastPath: FastPath | undefined;
  const app = await createApp(context, (slow) => {
    server = createBareServer(context);
    const front = createFront(context, slow);
    server.on('request', front);
    server.on('checkContinue', front);
    server.on('checkExpectation', front);
    if (context.limits.fastPath) fastPath = openFastPath(server, context, front);
    return server;
  });
  const bare = present(server, 'http: fastify made no server');
  return {
    listen: (host, port) => listen(bare, context, host, port),
    beginDrain() {
      context.draining = true;
      context.jobs.release();
    },
    async close({ giveUp = () => undefined, hasNotice = true } = {}) {
      context.draining = true;
      context.jobs.release();
      const { drainMs, noticeMs } = context.limits;
      if (hasNotice && noticeMs > 0) await sleep(noticeMs);
      await end(bare, fastPath, drainMs, giveUp);
      await app.close();
    },
  };
}

function createBareServer(context: HttpContext): Server {
  const { limits } = context;
  const server = createServer({
    insecureHTTPParser: false,
    // A missing Host is answered with a problem, like any other fault (front.ts).
    requireHostHeader: false,
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.connectionsCheckMs,
    noDelay: true,
  });
  assert(!process.execArgv.includes('--insecure-http-parser'), 'http: the lenient parser is on');
  // Beyond this count Node drops headers in silence, so front.ts counts them and refuses.
  server.maxHeadersCount = 0;
  // A client may close its sending side after its last request and wait for the answers (RFC 9293
  // section 3.6).
  (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  limitConnections(server, context);
  refuseTunnels(server, context);
  return server;
}

/**
 * How many connections the kernel queues; Node accepts one in each turn. Beyond it a client retries
 * after a second.
 */
const BACKLOG = 4096;

async function listen(server: Server, context: HttpContext, host: string, port: number) {
  if (context.tokens === undefined && !isLoopback(host)) throw new Error(unprotected(host));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  context.hostDoor.listensOn(host, address.address);
  return { host: address.address, port: address.port };
}

function unprotected(host: string): string {
  return (
    `refusing to listen on ${host} without access tokens, because any client that reaches it could ` +
    'read and write everything. Name a tokens file in CONIT_TOKENS_FILE (a JSON list of ' +
    '{"name", "sha256", "roles"}), or listen on 127.0.0.1.'
  );
}

/** The time between the last answer and the end of a connection. */
const LAST_WORD_MS = 500;

async function end(
  server: Server,
  fastPath: FastPath | undefined,
  drainMs: number,
  giveUp: () => void,
): Promise<void> {
  const listener = { isClosed: false };
  // Closes only the listener: Node's `close` would also end idle connections that have unread
  // input.
  NetServer.prototype.close.call(server, () => (listener.isClosed = true));
  const beganMs = performance.now();
  let hasGivenUp = false;
  while (!listener.isClosed) {
    // Input that has already arrived is read in between; connections that are idle after that have
    // no request.
    await sleep(POLL_MS);
    await new Promise((resolve) => setImmediate(resolve));
    server.closeIdleConnections();
    fastPath?.closeIdle();
    const lastedMs = performance.now() - beganMs;
    if (lastedMs >= drainMs && !hasGivenUp) giveUp();
    hasGivenUp = lastedMs >= drainMs;
    if (lastedMs < drainMs + LAST_WORD_MS) continue;
    server.closeAllConnections();
    fastPath?.closeAll();
  }
}

const POLL_MS = 10;
