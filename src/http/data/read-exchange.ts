// GET and HEAD of one key: from the parameters to the reply. The exchange receives the reply to its
// own command.

import { assert, present } from '../../base/assert.ts';
import type { Fault } from '../../model/fault.ts';
import { formatDot } from '../../model/id.ts';
import type { Level } from '../../model/level.ts';
import type { Policy } from '../../model/policy.ts';
import type { QuorumSpec } from '../../model/quorum.ts';
import type { Absent, Client, Found, Reply } from '../../model/reply.ts';
import type { Guarantees } from '../../model/guarantees.ts';
import { latestOf, type Record } from '../../model/record.ts';
import { ENVELOPE_TYPE } from '../../api/operations.ts';
import { chooseForm } from '../form/accept.ts';
import { breakOff } from './break-off.ts';
import {
  checkLevel,
  malformed,
  readFlag,
  readGuarantees,
  readBound,
  readTimeout,
  readUnmet,
  refuseParameter,
  type UnmetWord,
  unmetOf,
} from '../../api/readers.ts';
import { isModifiedSince, namesVersion } from '../form/condition.ts';
import { connectionOf } from '../guard/connection.ts';
import type { HttpContext } from '../context.ts';
import { type Exchange, refuse, settle } from './exchange.ts';
import type { KeyTarget } from './key-target.ts';
import { latin1Text } from '../form/latin1.ts';
import type { HttpRequest, HttpResponse } from '../message.ts';
import { isFault, type Refusal, refusal } from '../problem.ts';
import { locationOf, redirectHead } from '../form/elsewhere.ts';
import { recordView } from '../form/record-view.ts';
import {
  type HeaderList,
  replaceContent,
  servedByText,
  stalenessText,
  valueHead,
  wholeStaleness,
  withoutContent,
} from '../form/reply-head.ts';
import type { RequestHead } from '../form/request-head.ts';
import { notBuiltAt, takenAt } from '../../api/parameters.ts';
import { ClientSession, SESSION_HEADER } from '../session/client-session.ts';
import { timeLeft } from '../guard/time-left.ts';

const PARAMETERS = takenAt('get');
const NOT_BUILT = notBuiltAt('get');
/** Up to this size, head and value are joined to one string, which Node writes with one call. */
const STRING_BYTES_MAX = 8192;
const NOT_FOUND = refusal('not-found', 'there is no value under this key');
const NOT_MATCHED = refusal('precondition-failed', 'the key does not hold this version');

export class ReadExchange implements Client, Exchange {
  readonly context: HttpContext;
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly op = 'get';
  readonly level: Level;
  readonly begunMs: number;
  #accept: string | undefined = undefined;
  #ifMatch: string | undefined = undefined;
  #ifNoneMatch: string | undefined = undefined;
  #ifModifiedSince: string | undefined = undefined;
  #ifUnmodifiedSince: string | undefined = undefined;
  #r: QuorumSpec | undefined = undefined;
  #timeoutMs: number | undefined = undefined;
  /** Of the request, or else of the policy. */
  boundMs: number | undefined = undefined;
  #onUnmet: UnmetWord | undefined = undefined;
  #guarantees: Guarantees | undefined = undefined;
  #session: ClientSession | undefined = undefined;
  #envelope: boolean | undefined = undefined;
  #asksLevel = false;
  #target: KeyTarget | undefined = undefined;

  constructor(
    context: HttpContext,
    request: HttpRequest,
    response: HttpResponse,
    level: Level,
    begunMs: number,
  ) {
    this.context = context;
    this.request = request;
    this.response = response;
    this.level = level;
    this.begunMs = begunMs;
  }

  begin(target: KeyTarget, head: RequestHead): void {
    const { policy, query } = target;
    this.#accept = head.accept;
    this.#ifMatch = head.ifMatch;
    this.#ifNoneMatch = head.ifNoneMatch;
    this.#ifModifiedSince = head.ifModifiedSince;
    this.#ifUnmodifiedSince = head.ifUnmodifiedSince;
    for (let i = 0; i + 1 < query.length; i += 2) {
      const reason = this.#readParameter(query[i] as string, query[i + 1] as string, policy);
      if (reason !== undefined) return refuse(this, reason);
    }
    this.boundMs ??= policy.boundMs;
    const guarantees = this.#guarantees ?? policy.session;
    const session = ClientSession.open(this.context.sessions, head.session, guarantees);
    if (isFault(session)) return refuse(this, session);
    this.#session = session;
    const waitedMs = performance.now() - this.begunMs;
    const timeoutMs = timeLeft(this.context, waitedMs, this.#timeoutMs, policy);
    if (isFault(timeoutMs)) return refuse(this, timeoutMs);
    this.#timeoutMs = timeoutMs;
    this.#target = target;
    this.#submit(target, session);
  }

  #submit({ policy, key }: KeyTarget, session: ClientSession): void {
    this.context.service.submit({
      kind: 'read',
      client: this,
      namespace: policy.namespace,
      key,
      r: this.#r,
      timeoutMs: this.#timeoutMs,
      session: session.forRead,
      boundMs: this.boundMs,
      onUnmet: unmetOf(this.#onUnmet),
    });
  }

  onReply(reply: Reply): void {
    this.#session?.follow(reply);
    if (reply.kind === 'found') this.#onFound(reply);
    else if (reply.kind === 'absent') this.#onAbsent(reply);
    else {
      assert(reply.kind === 'failed', 'read: an answer to another command');
      this.#onFailed(reply.fault);
    }
  }

  onBroken(error: unknown): void {
    breakOff(this.context, this.request, this.response, error);
  }

  #onFailed(reason: Fault): void {
    const session = this.#session;
    const target = this.#target;
    const mayWaive = this.#onUnmet === 'stale' && target !== undefined;
    if (mayWaive && session?.waive(reason) === true) return this.#submit(target, session);
    const isAsked = this.#onUnmet === 'redirect';
    const location = isAsked ? locationOf(reason, this.request.url ?? '') : undefined;
    if (location === undefined) return refuse(this, reason);
    connectionOf(this.request.socket)?.end();
    this.#send(307, redirectHead(this.context, location), '');
  }

  #readParameter(name: string, value: string, policy: Policy): Refusal | undefined {
    if (name === 'r' && this.#r === undefined) {
      const r = this.context.quorums.read(name, value);
      if (isFault(r)) return r;
      this.#r = r;
      return undefined;
    }
    if (name === 'timeout' && this.#timeoutMs === undefined) {
      const timeoutMs = readTimeout(value);
      if (isFault(timeoutMs)) return timeoutMs;
      this.#timeoutMs = timeoutMs;
      return undefined;
    }
    if (name === 't' && this.boundMs === undefined) {
      const boundMs = readBound(value);
      if (isFault(boundMs)) return boundMs;
      this.boundMs = boundMs;
      return undefined;
    }
    if (name === 'envelope' && this.#envelope === undefined) {
      const envelope = readFlag(name, value);
      if (isFault(envelope)) return envelope;
      this.#envelope = envelope;
      return undefined;
    }
    if (name === 'session' && this.#guarantees === undefined) {
      const guarantees = readGuarantees(name, value);
      if (isFault(guarantees)) return guarantees;
      this.#guarantees = guarantees;
      return undefined;
    }
    if (name === 'consistency' && !this.#asksLevel) {
      this.#asksLevel = true;
      return checkLevel(value, policy);
    }
    if (name === 'onUnmet' || name === 'redirect') return this.#readUnmet(name, value);
    return refuseParameter(name, NOT_BUILT, PARAMETERS);
  }

  /** `redirect` is the short form of `onUnmet=redirect`; only one of them may be given. */
  #readUnmet(name: string, value: string): Refusal | undefined {
    if (this.#onUnmet !== undefined) return refuseParameter(name, NOT_BUILT, PARAMETERS);
    const asked = readUnmet(name, value);
    if (isFault(asked)) return asked;
    this.#onUnmet = asked;
    return undefined;
  }

  #onFound(found: Found): void {
    const { record } = found;
    const { contentType, value } = latestOf(record);
    const condition = this.#checkConditions(record);
    const { token, unmetHead } = this.#known;
    if (isFault(token)) return refuse(this, token);
    if (condition === NOT_MATCHED)
      return refuse(this, condition, [SESSION_HEADER, token, ...unmetHead]);
    if (condition !== undefined && condition !== 'not-modified') return refuse(this, condition);
    const head = valueHead(this.context, this.level, found, token, this.begunMs);
    head.push(...unmetHead);
    if (condition === 'not-modified') this.#send(304, withoutContent(head), '');
    else if (this.#wantsEnvelope(contentType)) this.#sendEnvelope(found, head);
    else this.#send(200, head, isShort(value) ? latin1Text(value) : value);
  }

  get #known(): ClientSession {
    return present(this.#session, 'read: a reply before its request');
  }

  /** `?envelope` decides; without it `Accept` does. */
  #wantsEnvelope(contentType: string): boolean {
    return this.#envelope ?? chooseForm(this.#accept, contentType) === 'envelope';
  }

  #onAbsent({ stalenessMs, heldBy }: Absent): void {
    const { token, unmetHead } = this.#known;
    if (isFault(token)) return refuse(this, token);
    const who = [
      'Conit-Served-By',
      servedByText(this.context, heldBy),
      SESSION_HEADER,
      token,
      ...unmetHead,
    ];
    if (this.#ifMatch !== undefined) return refuse(this, NOT_MATCHED, who);
    refuse(this, NOT_FOUND, [
      ...who,
      'Conit-Consistency',
      this.level,
      'Conit-Staleness',
      stalenessText(stalenessMs),
    ]);
  }

  /** In the order of RFC 9110 section 13.2.2. */
  #checkConditions(record: Record): Refusal | 'not-modified' | undefined {
    const { origin, seq, hlc } = latestOf(record);
    const version = formatDot(origin, seq);
    if (this.#ifMatch !== undefined) {
      const isNamed = namesVersion(this.#ifMatch, version, 'strong');
      if (isNamed === undefined) return malformed('If-Match');
      if (!isNamed) return NOT_MATCHED;
    } else if (this.#ifUnmodifiedSince !== undefined) {
      if (isModifiedSince(this.#ifUnmodifiedSince, hlc) === true) return NOT_MATCHED;
    }
    if (this.#ifNoneMatch !== undefined) {
      const isNamed = namesVersion(this.#ifNoneMatch, version, 'weak');
      if (isNamed === undefined) return malformed('If-None-Match');
      if (isNamed) return 'not-modified';
    } else if (this.#ifModifiedSince !== undefined) {
      if (isModifiedSince(this.#ifModifiedSince, hlc) === false) return 'not-modified';
    }
    return undefined;
  }

  #sendEnvelope({ record, stalenessMs }: Found, head: HeaderList): void {
    const view = { ...recordView(record, true), stalenessMs: wholeStaleness(stalenessMs) };
    const body = Buffer.from(JSON.stringify(view), 'utf8');
    const ownHead = replaceContent(head, ENVELOPE_TYPE, body.length);
    ownHead.push('Vary', this.context.varyAccept);
    this.#send(200, ownHead, body);
  }

  #send(status: number, head: HeaderList, body: string | Uint8Array): void {
    const { response } = this;
    response.writeHead(status, head);
    if (this.request.method === 'HEAD' || body.length === 0) response.end();
    else if (typeof body === 'string') response.end(body, 'latin1');
    else response.end(body);
    settle(this, status);
  }
}

function isShort(value: Uint8Array): boolean {
  return value.length <= STRING_BYTES_MAX;
}
