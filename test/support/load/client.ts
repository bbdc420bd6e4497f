// One client of a cluster under test: a session with at most one connection and one request at a
// time, and every operation is recorded. It connects again when it lost its connection, and it is a
// new process after every operation of unknown outcome.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Item, Level, Outcome, Read, Scan, Write } from '../../checkers/operation.ts';
import type { Recorder } from '../../checkers/recorder.ts';
import { type NoReply, openConnection, type RawConnection, type RawReply } from '../raw-http.ts';
import { isAbsence, judge } from './outcome.ts';

export interface Place {
  readonly id: string;
  readonly httpPort: number;
}

export interface NamespaceUse {
  readonly ns: string;
  readonly level: Level;
}

export interface WriteRequest extends NamespaceUse {
  readonly key: string;
  /** A delete if there is none. */
  readonly value?: string;
  readonly w: number;
  readonly idem?: string;
}

export interface ScanRequest extends NamespaceUse {
  readonly prefix: string;
  readonly limit: number;
  readonly reverse: boolean;
  readonly after?: string;
  readonly cursor?: string;
}

/** The timeout in the request, and the longest time that the client waits for its answer. */
const TRY_MS = 1000;
/**
 * Here an answer only has to come. How much later than its time-out it comes is judged in the
 * simulation.
 */
export const HUNG_MS = 120_000;
const RECONNECT_MS = 10;

export class LoadClient {
  readonly session: string;
  readonly #recorder: Recorder;
  #process: number;
  readonly #keepsToken: boolean;
  #connection: RawConnection | undefined;
  #node = '';
  /** The token of the last reply that had one. */
  #token: string | undefined;

  /** `keepsToken`: it sends the session token of its last reply with the next request. */
  constructor(session: string, recorder: Recorder, keepsToken = false) {
    this.session = session;
    this.#recorder = recorder;
    this.#keepsToken = keepsToken;
    this.#process = recorder.nextProcess();
  }

  /** The replica to which it is connected. */
  get node(): string {
    return this.#node;
  }

  /**
   * Connects to one of the places unless it is connected; false, after a moment, if nothing listens
   * there.
   */
  async connect(place: Place): Promise<boolean> {
    if (this.#connection?.isOpen === true) return true;
    this.#connection = await openConnection(place.httpPort);
    this.#node = place.id;
    if (this.#connection === undefined) await sleep(RECONNECT_MS);
    return this.#connection !== undefined;
  }

  disconnect(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  async write({ ns, level, key, value, w, idem }: WriteRequest): Promise<Outcome> {
    const headers: Record<string, string> = { 'Content-Type': 'text/plain' };
    if (idem !== undefined) headers['Idempotency-Key'] = idem;
    const path = `${pathOf(ns, key)}?w=${w}&timeout=${TRY_MS}ms`;
    const call_ns = this.#recorder.now();
    const reply = await (value === undefined
      ? this.#send('DELETE', path, {})
      : this.#send('PUT', path, headers, value));
    const write: Write = {
      ...this.#call({ ns, level, key, call_ns }, reply),
      type: value === undefined ? 'delete' : 'put',
      value: value ?? null,
      result: null,
      w,
      ...(idem === undefined ? {} : { idem }),
    };
    return this.#record(write);
  }

  async read({ ns, level }: NamespaceUse, key: string, r: number, final?: true): Promise<Outcome> {
    const call_ns = this.#recorder.now();
    const reply = await this.#send('GET', `${pathOf(ns, key)}?r=${r}&timeout=${TRY_MS}ms`, {});
    const call = this.#call({ ns, level, key, call_ns }, reply);
    const read: Read = {
      ...call,
      ...(isAbsence(reply) ? { ok: true, reason: '' } : {}),
      type: 'get',
      value: null,
      result: call.ok === true && reply.kind === 'reply' ? reply.body.toString('utf8') : null,
      r,
      ...(final === undefined ? {} : { final }),
    };
    return this.#record(read);
  }

  /** Reads at one replica, and records the time of the version, in milliseconds. */
  async look({ ns, level }: NamespaceUse, key: string): Promise<Outcome> {
    const call_ns = this.#recorder.now();
    const path = `${pathOf(ns, key)}?r=1&envelope&timeout=${TRY_MS}ms`;
    const reply = await this.#send('GET', path, {});
    const call = this.#call({ ns, level, key, call_ns }, reply);
    const shown = call.ok === true && reply.kind === 'reply' ? envelopeOf(reply) : undefined;
    const read: Read = {
      ...call,
      ...(isAbsence(reply) ? { ok: true, reason: '' } : {}),
      type: 'get',
      value: null,
      result: shown?.value ?? null,
      r: 1,
      ...(shown === undefined ? {} : { hlc: shown.hlc }),
    };
    return this.#record(read);
  }

  /** The scan as it was recorded, and the cursor after it, '' at the end. */
  async scan(
    request: ScanRequest,
    final?: true,
  ): Promise<{ readonly scan: Scan; readonly cursor: string }> {
    const { ns, level, prefix, limit, reverse, after = '', cursor } = request;
    // What this replica has, without asking others.
    const query = new URLSearchParams({ limit: String(limit), values: 'inline', r: '1' });
    if (prefix !== '') query.set('prefix', prefix);
    if (reverse) query.set('reverse', 'true');
    if (cursor !== undefined) query.set('cursor', cursor);
    const call_ns = this.#recorder.now();
    const reply = await this.#send('GET', `/v1/kv/${ns}?${query.toString()}`, {});
    const call = this.#call({ ns, level, key: prefix, call_ns }, reply);
    const page = call.ok === true && reply.kind === 'reply' ? pageOf(reply) : NO_PAGE;
    const scan: Scan = {
      ...call,
      type: 'list',
      value: null,
      result: page.items,
      reverse,
      more: page.cursor !== '',
      after,
      ...(final === undefined ? {} : { final }),
    };
    this.#record(scan);
    return { scan, cursor: page.cursor };
  }

  async #send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body?: string,
  ): Promise<RawReply | NoReply> {
    const connection = this.#connection;
    if (connection === undefined) return { kind: 'broken' };
    const token = this.#token === undefined ? {} : { 'Conit-Session': this.#token };
    const request = { method, path, headers: { ...headers, ...token }, timeoutMs: HUNG_MS };
    const reply = await connection.send(body === undefined ? request : { ...request, body });
    if (this.#keepsToken && reply.kind === 'reply')
      this.#token = reply.headers.get('conit-session') ?? this.#token;
    return reply;
  }

  #call(
    at: {
      readonly ns: string;
      readonly level: Level;
      readonly key: string;
      readonly call_ns: number;
    },
    reply: RawReply | NoReply,
  ) {
    const { ok, reason } = judge(reply);
    const ver = reply.kind === 'reply' ? (reply.headers.get('conit-version') ?? null) : null;
    return {
      process: this.#process,
      session: this.session,
      node: this.#node,
      ...at,
      return_ns: this.#recorder.now(),
      ok,
      ver,
      ...(reason === '' ? {} : { reason }),
    };
  }

  #record(operation: Write | Read | Scan): Outcome {
    this.#recorder.add(operation);
    if (operation.ok === null) {
      this.#process = this.#recorder.nextProcess();
      this.disconnect();
    }
    return operation.ok;
  }
}

function envelopeOf({ body }: RawReply): { readonly value: string; readonly hlc: string } {
  const { value, modified } = JSON.parse(body.toString('utf8')) as {
    readonly value: string;
    readonly modified: string;
  };
  return { value, hlc: String(Date.parse(modified)).padStart(16, '0') };
}

interface Page {
  readonly items: readonly Item[];
  readonly cursor: string;
}

const NO_PAGE: Page = { items: [], cursor: '' };

function pageOf({ body }: RawReply): Page {
  const { items, cursor } = JSON.parse(body.toString('utf8')) as {
    readonly items: readonly {
      readonly key: string;
      readonly value: string;
      readonly version: string;
    }[];
    readonly cursor?: string | null;
  };
  return {
    items: items.map(({ key, value, version }) => ({ key, value, ver: version })),
    cursor: cursor ?? '',
  };
}

function pathOf(ns: string, key: string): string {
  return `/v1/kv/${ns}/${key}`;
}
