// `get`, `put`, `del`: one key at a time, bytes in and bytes out. What is known beside the value (its version, who
// served it, how fresh it is) goes to stderr with --verbose and into the object with `-o json`.

import { readFileSync } from 'node:fs';
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
    const advice = 'POST /v1/batch/{ns} takes such a key';
    throw new CommandError(EXIT.usage, `a path takes no . or .. part between slashes; ${advice}`);
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
  return { 'if-match': isQuoted ? ifMatch : `"${ifMatch}"`, 'idempotency-key': idempotencyKey };
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
  const version = answer.header('conit-version');
  const acks = answer.header('conit-acks');
  if (output === 'json') {
    terminal.out(renderJson({ outcome, ...metaOf(answer) }));
    return EXIT.ok;
  }
  const copies = acks === undefined ? '' : `, ${acks.replace('/', ' of ')} copies`;
  const newer = answer.header('conit-superseded-by');
  const lost = newer === undefined ? '' : `, superseded by ${newer}`;
  terminal.out(`${outcome} ${version ?? ''}${copies}${lost}\n`);
  return EXIT.ok;
}

function valueOf({ body, header }: Answer) {
  const text = decode(body);
  const value =
    text === undefined ? { valueBase64: Buffer.from(body).toString('base64') } : { value: text };
  return { ...value, contentType: header('content-type') };
}

function metaOf({ header }: Answer) {
  const stalenessMs = header('conit-staleness');
  return {
    version: header('conit-version'),
    etag: header('etag'),
    acks: header('conit-acks'),
    supersededBy: header('conit-superseded-by'),
    servedBy: header('conit-served-by'),
    consistency: header('conit-consistency'),
    stalenessMs:
      stalenessMs === undefined || stalenessMs === 'unknown' ? stalenessMs : Number(stalenessMs),
    lastModified: header('last-modified'),
    session: header('conit-session'),
    context: header('conit-context'),
  };
}

function describe({ header }: Answer): string {
  const names = ['conit-version', 'content-type', 'last-modified', 'conit-served-by'];
  const more = ['conit-consistency', 'conit-staleness'];
  return [...names, ...more]
    .flatMap((name) => {
      const value = header(name);
      return value === undefined ? [] : [`${name}: ${value}\n`];
    })
    .join('');
}
