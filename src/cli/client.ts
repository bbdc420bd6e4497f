// The HTTP client of the commands: one request, and an answer that is either a success or a
// CommandError whose exit code says what is known. A write whose connection breaks after it was
// sent may have happened: that is never reported as a plain failure.

import { readFileSync } from 'node:fs';
import { request } from 'undici';
import type { HeaderName } from '../api/headers.ts';
import { PROBLEM_TYPE } from '../api/problems.ts';
import type { ProblemView } from '../api/shapes.ts';
import { decodeText, plainValue } from '../config/text.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';
import { SessionFile } from './session-file.ts';

interface ClientOptions {
  readonly url: string;
  readonly tokenFile: string | undefined;
  /** A file that keeps the session of several commands. */
  readonly sessionFile?: string | undefined;
}

export interface Call {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Starts with a slash; parts are already encoded. */
  readonly path: string;
  /** Parameters that are `undefined` are left out. */
  readonly query?: { readonly [name: string]: string | undefined };
  readonly headers?: { readonly [name: string]: string | undefined };
  readonly body?: Uint8Array;
}

export interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly header: (name: HeaderName | 'Content-Type') => string | undefined;
}

export interface Client {
  readonly url: string;
  call(call: Call): Promise<Answer>;
}

/** No request can ask for a longer timeout. */
const ANSWER_MS_MAX = 3_700_000;

export function createClient({ url, tokenFile, sessionFile }: ClientOptions): Client {
  const base = baseOf(url);
  const authorization = tokenFile === undefined ? undefined : `Bearer ${readToken(tokenFile)}`;
  const session = sessionFile === undefined ? undefined : new SessionFile(sessionFile);
  return {
    url: base,
    async call(call) {
      const answer = await send(base, call, { authorization, 'conit-session': session?.read() });
      const token = answer.header('Conit-Session');
      if (token !== undefined) session?.write(token);
      if (answer.status < 300 || answer.status === 304) return answer;
      throw refusalOf(answer, isWrite(call));
    },
  };
}

async function send(base: string, call: Call, own: Call['headers']): Promise<Answer> {
  const url = `${base}${call.path}${queryOf(call.query)}`;
  try {
    const { statusCode, headers, body } = await request(url, {
      method: call.method,
      headers: present({ ...call.headers, ...own }),
      body: call.body ?? null,
      headersTimeout: ANSWER_MS_MAX,
      bodyTimeout: ANSWER_MS_MAX,
    });
    const bytes = await body.bytes();
    const header: Answer['header'] = (name) => textOf(headers[name.toLowerCase()]);
    return { status: statusCode, body: bytes, header };
  } catch (error) {
    throw failureOf(error, base, call);
  }
}

function baseOf(url: string): string {
  const text = url.includes('://') ? url : `http://${url}`;
  // A URL parser drops unprintable characters, so the request would go to another host than the one
  // that was written.
  const isPlain = /^https?:\/\//i.test(text) && !/[\s\\]|\p{Cc}/u.test(text);
  const isHttp = isPlain && URL.canParse(text);
  if (!isHttp) throw new CommandError(EXIT.usage, `--url: "${url}" is not an http or https URL`);
  return text.replace(/\/+$/, '');
}

function readToken(file: string): string {
  try {
    const decoded = decodeText(readFileSync(file));
    if (!decoded.ok) throw new CommandError(EXIT.usage, `--token-file: ${file} ${decoded.reason}`);
    return plainValue(decoded.value);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const code = codeOf(error) ?? 'error';
    throw new CommandError(EXIT.usage, `--token-file: ${file} cannot be read (${code})`);
  }
}

function queryOf(query: Call['query']): string {
  const text = new URLSearchParams(present(query ?? {})).toString();
  return text === '' ? '' : `?${text}`;
}

function present(values: { readonly [name: string]: string | undefined }): Record<string, string> {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Record<string, string>;
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}

/** Errors of a connection that was never established: the request was not sent. */
const UNSENT: readonly string[] = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
];

function isWrite({ method }: Call): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

function failureOf(error: unknown, base: string, call: Call): CommandError {
  const code = codeOf(error) ?? (error instanceof Error ? error.message : String(error));
  if (UNSENT.includes(code)) {
    const advice = 'check that a replica runs there, or name another one with --url or CONIT_URL';
    return new CommandError(
      EXIT.unavailable,
      `${base} cannot be reached (${code}), so nothing was sent; ${advice}`,
    );
  }
  const broken = `the connection to ${base} broke (${code})`;
  if (!isWrite(call)) return new CommandError(EXIT.unavailable, broken);
  return new CommandError(
    EXIT.unknown,
    `${broken}: the write may or may not have happened; check before you repeat it`,
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

/** Every field may be missing: the process that answers may not be a replica. */
type Problem = Partial<ProblemView>;

/** What a problem means to the caller: the outcome of the request, and the exit code. */
export function refusalOf(answer: Answer, wasWrite: boolean): CommandError {
  const problem = problemOf(answer);
  const indeterminate = wasWrite && problem.indeterminate === true;
  const exit = indeterminate ? EXIT.unknown : exitOf(answer.status);
  return new CommandError(exit, describe(problem, answer));
}

function problemOf({ body, header }: Answer): Problem {
  if (header('Content-Type')?.startsWith(PROBLEM_TYPE) !== true) return {};
  try {
    return JSON.parse(Buffer.from(body).toString()) as Problem;
  } catch {
    return {};
  }
}

function exitOf(status: number): ExitCode {
  if (status === 401 || status === 403) return EXIT.denied;
  if (status === 404 || status === 409 || status === 410 || status === 412) return EXIT.no;
  const passes = status === 408 || status === 429 || (status >= 500 && status !== 501);
  return passes ? EXIT.unavailable : EXIT.usage;
}

function describe(problem: Problem, { status, header }: Answer): string {
  const { title = `the replica answered ${status}`, detail, dot, acks, required } = problem;
  const parts = [detail === undefined || detail === '' ? title : `${title}: ${detail}`];
  if (acks !== undefined && required !== undefined) parts.push(`${acks} of ${required} copies`);
  if (dot !== undefined) parts.push(`write ${dot}`);
  const retryAfter = header('Retry-After');
  if (retryAfter !== undefined) parts.push(`try again in ${retryAfter} s`);
  return parts.join('; ');
}
