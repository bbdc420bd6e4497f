// A server on loopback in front of the reference model, and two clients: a correct one, and one
// that sends any bytes that it is given.

import { type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { Work } from '../../../src/http/guard/admission.ts';
import { Jobs } from '../../../src/http/jobs/jobs.ts';
import { HTTP_LIMITS_DEFAULT, type HttpLimits } from '../../../src/api/limits.ts';
import type { HttpServerOptions, Probe } from '../../../src/http/context.ts';
import { createRequestMeter, type RequestMeasurements } from '../../../src/http/meter.ts';
import { createHttpServer, type HttpServer } from '../../../src/http/server.ts';
import type { Token } from '../../../src/api/token.ts';
import type { Region, ReplicaId } from '../../../src/model/id.ts';
import { compilePolicies, type Policy } from '../../../src/model/policy.ts';
import type { ReplicaService } from '../../../src/model/port.ts';
import type { Member } from '../../../src/model/quorum.ts';
import {
  type ApiDocument,
  createReplyCheck,
  type ReplyCheck,
  type SeenReply,
} from '../../support/api-document.ts';
import { createReferenceService, type ReferenceService } from './reference-service.ts';
import { startTwin } from './twin.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Uint8Array;
}

export interface Harness {
  readonly server: HttpServer;
  readonly service: ReferenceService;
  readonly meter: RequestMeasurements;
  readonly port: number;
  readonly errors: unknown[];
  ask(path: string, ask?: Ask): Promise<Answer>;
  /**
   * Sends bytes on a new connection and returns everything that arrives until it ends or is silent
   * for `quietMs`.
   */
  raw(bytes: string | Uint8Array, quietMs?: number): Promise<string>;
  stop(): Promise<void>;
}

export interface HarnessOptions {
  readonly limits?: Partial<HttpLimits>;
  readonly tokens?: readonly Token[];
  readonly service?: ReplicaService;
  readonly advertised?: string;
  readonly hosts?: readonly string[];
  readonly origins?: readonly string[];
  readonly metricsText?: () => Promise<string>;
  /** The replica found at the address of a newcomer; by default the newcomer itself. */
  readonly probe?: Probe;
  /** The times of the thread; measured by default. */
  readonly work?: () => Work;
  /**
   * A second server without the fast path gets the same requests, and `stop` fails if it answered
   * differently.
   */
  readonly twin?: boolean;
}

const FIRST_MS = 5000;
const QUIET_MS = 150;

const members: readonly Member[] = ['ap-1', 'eu-1', 'us-1'].map((id, index) => ({
  index,
  id: id as ReplicaId,
  region: id.slice(0, 2) as Region,
  peerAddress: `127.0.0.1:${7100 + index}`,
  httpUrl: id === 'eu-1' ? 'http://127.0.0.1:7070' : undefined,
}));

const self = members[1] as Member;

const policies: readonly Policy[] = policiesOf({
  bench: {},
  ordered: { consistency: 'fifo', w: 'majority', r: 2, timeoutMs: 700 },
  strong: { w: 'all' },
  loose: { session: ['mr'] },
});

export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const service = createReferenceService();
  const meter = createRequestMeter();
  const errors: unknown[] = [];
  const serverOptions: HttpServerOptions = {
    advertised: options.advertised ?? '',
    hosts: options.hosts ?? [],
    origins: new Set(options.origins ?? []),
    jobs: new Jobs(),
    probe:
      options.probe ??
      (({ region }) => Promise.resolve({ kind: 'there' as const, region, epoch: 0 })),
    service: options.service ?? service,
    members,
    self,
    policies,
    limits: { ...HTTP_LIMITS_DEFAULT, lingerMs: 100, drainMs: 500, ...options.limits },
    tokens: options.tokens,
    sessionKeys: [new Uint8Array(16).fill(7)],
    metricsText: options.metricsText ?? (() => Promise.resolve('# TYPE up gauge\nup 1\n')),
    meter,
    version: '0.0.0-test',
    ...(options.work === undefined ? {} : { work: options.work }),
    onError: (error) => errors.push(error),
  };
  const server = await createHttpServer(serverOptions);
  const { port: ownPort } = await server.listen('127.0.0.1', 0);
  const other = options.twin === true ? await withoutFastPath(serverOptions) : undefined;
  const mayDiffer = (): boolean => service.hold !== undefined || service.state !== 'serving';
  const twin = other && (await startTwin([ownPort, other.port], mayDiffer));
  const port = twin?.port ?? ownPort;
  return {
    server,
    service,
    meter,
    port,
    errors,
    async ask(path, ask = {}) {
      const answer = await askOver(port, path, ask);
      replyCheck ??= describedReplies(port);
      const check = await replyCheck;
      const flaws = check(seen(ask.method ?? 'GET', path, answer));
      if (flaws.length > 0) throw new Error(`${path} is not as OpenAPI says: ${flaws.join('; ')}`);
      return answer;
    },
    raw: (bytes, quietMs) => sendRaw(port, bytes, quietMs ?? FIRST_MS, quietMs ?? QUIET_MS),
    async stop() {
      await server.close();
      await other?.server.close();
      twin?.close();
      const differences = (await twin?.differences()) ?? [];
      if (differences.length > 0)
        throw new Error(`answered differently: ${differences.join('\n')}`);
    },
  };
}

/** With a replica of its own. */
async function withoutFastPath(
  options: HttpServerOptions,
): Promise<{ readonly server: HttpServer; readonly port: number }> {
  const server = await createHttpServer({
    ...options,
    jobs: new Jobs(),
    service: createReferenceService(),
    meter: createRequestMeter(),
    limits: { ...options.limits, fastPath: false },
  });
  return { server, port: (await server.listen('127.0.0.1', 0)).port };
}

/**
 * Every reply of a test is compared with the OpenAPI document, which is the same for all these
 * servers.
 */
let replyCheck: Promise<ReplyCheck> | undefined;

async function describedReplies(port: number): Promise<ReplyCheck> {
  const { body } = await askOver(port, '/openapi.json', {});
  return createReplyCheck(JSON.parse(body.toString()) as ApiDocument);
}

function decoded(coding: string | undefined, body: Buffer): Buffer {
  if (coding === 'br') return brotliDecompressSync(body);
  return coding === 'gzip' ? gunzipSync(body) : body;
}

function seen(method: string, path: string, { status, headers, body }: Answer): SeenReply {
  const header = (name: string) => [headers[name]].flat().join(', ');
  const plain = decoded(headers['content-encoding'], body);
  return { method, path, status, header, headerNames: Object.keys(headers), body: plain };
}

export function json(answer: Answer): Record<string, unknown> {
  return JSON.parse(answer.body.toString()) as Record<string, unknown>;
}

/** The code of a problem, after a check of its form. */
export function problemOf(answer: Answer): string {
  const { type, status, instance, node } = json(answer);
  if (answer.headers['content-type'] !== 'application/problem+json') return 'not a problem';
  if (status !== answer.status || node !== 'eu-1' || typeof instance !== 'string') return 'odd';
  return String(type).replace('urn:conit:problem:', '');
}

/** Status and problem code of each reply in a stream of replies. */
export function repliesIn(text: string): { status: number; code: string | undefined }[] {
  return text
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .filter((part) => part.startsWith('HTTP/1.1'))
    .map((part) => ({
      status: Number(part.slice(9, 12)),
      code: /"type":"urn:conit:problem:([a-z-]+)"/.exec(part)?.[1],
    }));
}

function policiesOf(document: unknown): readonly Policy[] {
  const compiled = compilePolicies(document, members, self);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.policies;
}

function askOver(
  port: number,
  path: string,
  { method = 'GET', headers, body }: Ask,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { port, host: '127.0.0.1', path, method, headers: { ...headers }, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const { statusCode = 0, headers: received } = response;
          resolve({ status: statusCode, headers: received, body: Buffer.concat(chunks) });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/**
 * Ends when nothing has arrived for `quietMs`; the first byte may take `firstMs`, because a busy
 * machine answers late.
 */
function sendRaw(
  port: number,
  bytes: string | Uint8Array,
  firstMs: number,
  quietMs: number,
): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1');
    const end = (): void => {
      socket.destroy();
      resolve(text);
    };
    let timer = setTimeout(end, firstMs);
    socket.on('data', (data: Buffer) => {
      text += data.toString('latin1');
      clearTimeout(timer);
      timer = setTimeout(end, quietMs);
    });
    socket.on('error', end);
    socket.on('close', end);
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
}
