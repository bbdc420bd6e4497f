// `get`, `put`, `del`: one key at a time, bytes in and bytes out. The version, the replica that
// served the request and the staleness go to standard error with --verbose, and into the object
// with `-o json`.

import { readFileSync } from 'node:fs';
import { parseAcks, parseStaleness, versionTag } from '../api/headers.ts';
import { type PathOf, pathTo } from '../api/routes.ts';
import type { Answer, Call, Client } from './client.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';
import { renderJson } from './render.ts';
import type { Terminal } from './terminal.ts';

export interface GetOptions {
  readonly r?: string;
  readonly timeout?: string;
  readonly output: 'raw' | 'json';
  readonly verbose?: boolean;
}

export interface WriteOptions {
  readonly w?: string;
  readonly r?: string;
  readonly timeout?: string;
  readonly ifMatch?: string;
  readonly idempotencyKey?: string;
  readonly output: 'table' | 'json';
}

export interface PutOptions extends WriteOptions {
  readonly ttl?: string;
  readonly contentType?: string;
  readonly create?: boolean;
}

/** A key that a path can name. */
export function inPath(ns: string, key: string): PathOf<'get'> {
  const parts = key.split('/');
  if (key === '') throw new CommandError(EXIT.usage, 'a key has at least one byte');
  if (parts.some((part) => part === '.' || part === '..')) {
    const advice = 'POST /v1/batch/{ns} accepts such a key';
    throw new CommandError(
      EXIT.usage,
      `a key in a path must not have the part . or .. between slashes; ${advice}`,
    );
  }
  return { ns, key };
}

export async function get(
  client: Client,
  terminal: Terminal,
  [namespace, key]: readonly [string, string],
  { r, timeout, output, verbose = false }: GetOptions,
): Promise<ExitCode> {
  const path = pathTo('get', inPath(namespace, key));
  const answer = await client.call({ method: 'GET', path, query: { r, timeout } });
  if (verbose) terminal.say(describe(answer));
  if (output === 'json') {
    terminal.out(renderJson({ namespace, key, ...valueOf(answer), ...metaOf(answer) }));
    return EXIT.ok;
  }
  terminal.out(answer.body);
  const endsLine = answer.body.at(-1) === 0x0a;
  if (terminal.isOutTty && !endsLine) terminal.out('\n');
  return EXIT.ok;
}

export async function put(
  client: Client,
  terminal: Terminal,
  [namespace, key, source]: readonly [string, string, string],
  options: PutOptions,
): Promise<ExitCode> {
  const body = await readValue(source, terminal);
  const call: Call = {
    method: 'PUT',
    path: pathTo('put', inPath(namespace, key)),
    query: { ...waitingOf(options), ttl: options.ttl },
    headers: {
      ...conditionsOf(options),
      'if-none-match': options.create === true ? '*' : undefined,
      'content-type': options.contentType ?? contentTypeOf(body),
    },
    body,
  };
  const answer = await client.call(call);
  return report(terminal, options.output, outcomeOf(answer), answer);
}

export async function del(
  client: Client,
  terminal: Terminal,
  [namespace, key]: readonly [string, string],
  options: WriteOptions,
): Promise<ExitCode> {
  const path = pathTo('delete', inPath(namespace, key));
  const query = waitingOf(options);
  const answer = await client.call({
    method: 'DELETE',
    path,
    query,
    headers: conditionsOf(options),
  });
  return report(terminal, options.output, 'deleted', answer);
}

/** `@file`, `-` for standard input, or the value itself. */
async function readValue(source: string, terminal: Terminal): Promise<Uint8Array> {
  if (source === '-') return terminal.readStdin();
  if (!source.startsWith('@')) return Buffer.from(source);
  const file = source.slice(1);
  try {
    return readFileSync(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
    throw new CommandError(EXIT.usage, `${file} cannot be read (${code})`);
  }
}

function contentTypeOf(body: Uint8Array): string {
  return isUtf8Text(body) ? 'text/plain; charset=utf-8' : 'application/octet-stream';
}

function isUtf8Text(body: Uint8Array): boolean {
  return decode(body) !== undefined && !body.includes(0);
}

function decode(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}

function waitingOf({ w, r, timeout }: WriteOptions) {
  return { w, r, timeout };
}

function conditionsOf({ ifMatch, idempotencyKey }: WriteOptions) {
  const isQuoted = ifMatch === undefined || ifMatch === '*' || ifMatch.startsWith('"');
  return {
    'if-match': isQuoted ? ifMatch : versionTag(ifMatch),
    'idempotency-key': idempotencyKey,
  };
}

function outcomeOf({ status }: Answer): string {
  if (status === 201) return 'created';
  return status === 202 ? 'accepted' : 'replaced';
}

function report(
  terminal: Terminal,
  output: 'table' | 'json',
  outcome: string,
  answer: Answer,
): ExitCode {
  const version = answer.header('Conit-Version');
  const acks = answer.header('Conit-Acks');
  if (output === 'json') {
    terminal.out(renderJson({ outcome, ...metaOf(answer) }));
    return EXIT.ok;
  }
  const known = acks === undefined ? undefined : parseAcks(acks);
  const copies = known === undefined ? '' : `, ${known.acks} of ${known.replicas} copies`;
  const newer = answer.header('Conit-Superseded-By');
  const lost = newer === undefined ? '' : `, superseded by ${newer}`;
  terminal.out(`${outcome} ${version ?? ''}${copies}${lost}\n`);
  return EXIT.ok;
}

function valueOf({ body, header }: Answer) {
  const text = decode(body);
  const value =
    text === undefined ? { valueBase64: Buffer.from(body).toString('base64') } : { value: text };
  return { ...value, contentType: header('Content-Type') };
}

function metaOf({ header }: Answer) {
  const staleness = header('Conit-Staleness');
  return {
    version: header('Conit-Version'),
    etag: header('ETag'),
    acks: header('Conit-Acks'),
    supersededBy: header('Conit-Superseded-By'),
    servedBy: header('Conit-Served-By'),
    consistency: header('Conit-Consistency'),
    stalenessMs: staleness === undefined ? undefined : parseStaleness(staleness),
    lastModified: header('Last-Modified'),
  };
}

/** The headers that --verbose shows. */
const SHOWN = [
  'Conit-Version',
  'Content-Type',
  'Last-Modified',
  'Conit-Served-By',
  'Conit-Consistency',
  'Conit-Staleness',
] as const;

function describe({ header }: Answer): string {
  return SHOWN.flatMap((name) => {
    const value = header(name);
    return value === undefined ? [] : [`${name.toLowerCase()}: ${value}\n`];
  }).join('');
}
