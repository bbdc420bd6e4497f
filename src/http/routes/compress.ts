// Compresses the answers of fastify's routes for clients that ask for it (RFC 9110 section 12.5.3):
// lists, documents, metrics. Values are sent as they were put. Compression runs in Node's thread
// pool, which commits need as well, so it is limited: small answers are sent as they are, and so is
// every answer while two are being compressed.

import { brotliCompress, constants, gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { weightOf } from '../form/accept.ts';
import type { App } from './add-route.ts';

const BYTES_MIN = 1024;
const RUNNING_MAX = 2;
const COMPRESSIBLE = /^(?:text\/|application\/(?:[a-z.+-]*\+)?json|application\/x-ndjson)/;
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };
const GZIP = { level: 4 };

type Coding = 'br' | 'gzip';
type Done = (error: Error | null, payload?: unknown) => void;

export function compressReplies(app: App): void {
  let running = 0;
  app.addHook('onSend', (request, reply, payload: unknown, done: Done) => {
    const bytes = bytesOf(payload);
    if (bytes === undefined || !isCompressible(reply, bytes)) return done(null, payload);
    addVary(reply);
    const coding = codingFor(request);
    if (coding === undefined || running >= RUNNING_MAX) return done(null, payload);
    running++;
    const finish = (error: Error | null, compressed: Buffer): void => {
      running--;
      if (error !== null) return done(null, payload);
      reply.header('Content-Encoding', coding);
      weakenTag(reply);
      reply.removeHeader('Content-Length');
      done(null, compressed);
    };
    if (coding === 'br') brotliCompress(bytes, BROTLI, finish);
    else gzip(bytes, GZIP, finish);
  });
}

function bytesOf(payload: unknown): Uint8Array | string | undefined {
  return Buffer.isBuffer(payload) || typeof payload === 'string' ? payload : undefined;
}

function isCompressible(reply: FastifyReply, { length }: Uint8Array | string): boolean {
  if (reply.statusCode !== 200 || length < BYTES_MIN) return false;
  return COMPRESSIBLE.test(String(reply.getHeader('Content-Type') ?? ''));
}

function addVary(reply: FastifyReply): void {
  const before = reply.getHeader('Vary');
  reply.header(
    'Vary',
    before === undefined ? 'Accept-Encoding' : `${String(before)}, Accept-Encoding`,
  );
}

/** A strong tag would promise the bytes of the uncompressed form (RFC 9110 section 8.8.3). */
function weakenTag(reply: FastifyReply): void {
  const tag = reply.getHeader('ETag');
  if (typeof tag === 'string' && !tag.startsWith('W/')) reply.header('ETag', `W/${tag}`);
}

/** The better one of the codings that the client prefers to none. */
function codingFor({ method, headers }: FastifyRequest): Coding | undefined {
  if (method === 'HEAD') return undefined;
  const accept = [headers['accept-encoding']].flat().join(',');
  const [br, zip] = [weightOf(accept, 'br'), weightOf(accept, 'gzip')];
  const best = Math.max(br, zip);
  const isPlainLiked = /\bidentity\b/i.test(accept) && weightOf(accept, 'identity') > best;
  if (best === 0 || isPlainLiked) return undefined;
  return br >= zip ? 'br' : 'gzip';
}
