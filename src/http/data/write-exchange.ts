// PUT, DELETE and touch (POST) of one key: parameters, body, command, reply. The exchange receives
// the reply to its own command. A touch reads the local value and writes it again, on condition
// that it has not changed; if another write came between, it starts over.
//
//   begin -> refused | collecting -> refused | looking -> refused | submitted -> answered

import { formatAcks, versionTag } from '../../api/headers.ts';
import { pathTo } from '../../api/routes.ts';
import { assert } from '../../base/assert.ts';
import type { Condition } from '../../model/command.ts';
import { type Dot, formatDot, type Key } from '../../model/id.ts';
import type { Level } from '../../model/level.ts';
import type { Policy } from '../../model/policy.ts';
import { latestOf, type Record } from '../../model/record.ts';
import type { Absent, Client, Failed, Reply, Written } from '../../model/reply.ts';
import { CROWDED } from '../guard/arriving.ts';
import { type BodySink, collectBody } from './body.ts';
import { breakOff } from './break-off.ts';
import { connectionOf } from '../guard/connection.ts';
import type { HttpContext } from '../context.ts';
import { type Digests, digestsOf, refuseDigests } from '../form/digest.ts';
import { isBetterAskedElsewhere, locationOf, redirectHead } from '../form/elsewhere.ts';
import { type Exchange, refuse, settle } from './exchange.ts';
import type { KeyTarget } from './key-target.ts';
import type { HttpRequest, HttpResponse } from '../message.ts';
import { isFault, refusal } from '../problem.ts';
import { type HeaderList, httpDate, plainHead, pushContent } from '../form/reply-head.ts';
import type { RequestHead } from '../form/request-head.ts';
import { ClientSession, SESSION_HEADER } from '../session/client-session.ts';
import { timeLeft } from '../guard/time-left.ts';
import { readWriteRequest, writeCommand, type WriteRequest } from './write-request.ts';

const NO_VALUE = new Uint8Array(0);
const TOUCHES_MAX = 4;
const NOT_FOUND = refusal('not-found', 'there is no value under this key');
const NO_TOUCH_BODY = refusal('bad-request', 'a touch takes no body: it keeps the value');
const NOT_MATCHED = refusal('precondition-failed', 'the key does not hold this version');
const NO_TTL = refusal('invalid-parameter', 'a touch needs a "ttl", the new lifetime of the value');

export class WriteExchange implements Client, Exchange, BodySink {
  readonly context: HttpContext;
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly op: string;
  readonly level: Level;
  readonly begunMs: number;
  readonly #policy: Policy;
  readonly #key: Key;
  #asked: WriteRequest | undefined = undefined;
  #session: ClientSession | undefined = undefined;
  #digests: Digests | undefined = undefined;
  /** For a touch: the version that the last read found, and the number of reads. */
  #touched: string | undefined = undefined;
  #touches = 0;

  constructor(
    context: HttpContext,
    request: HttpRequest,
    response: HttpResponse,
    { route, policy, key }: KeyTarget,
    begunMs: number,
  ) {
    this.context = context;
    this.request = request;
    this.response = response;
    this.op = route.id;
    this.level = policy.consistency;
    this.begunMs = begunMs;
    this.#policy = policy;
    this.#key = key;
  }

  begin(query: readonly string[], head: RequestHead): void {
    const operation = this.op === 'delete' ? 'delete' : 'put';
    const asked = readWriteRequest(operation, query, head, this.context.quorums);
    if (isFault(asked)) return refuse(this, asked);
    if (this.op === 'touch' && asked.ttlMs === 0) return refuse(this, NO_TTL);
    const guarantees = asked.guarantees ?? this.#policy.session;
    const session = ClientSession.open(this.context.sessions, head.session, guarantees);
    if (isFault(session)) return refuse(this, session);
    const { fullness } = session;
    if (fullness !== undefined) return refuse(this, fullness);
    this.#session = session;
    // The time that the body takes to arrive does not count.
    const waitedMs = performance.now() - this.begunMs;
    const timeoutMs = timeLeft(this.context, waitedMs, asked.timeoutMs, this.#policy);
    if (isFault(timeoutMs)) return refuse(this, timeoutMs);
    this.#asked = timeoutMs === asked.timeoutMs ? asked : { ...asked, timeoutMs };
    const valueBytesMax = this.#bodyBytesMax;
    if (Number(head.contentLength ?? 0) > valueBytesMax) return this.onTooLarge();
    this.#digests = digestsOf(head);
    if (!head.hasBody && this.#digests === undefined) return this.#submit(this.#asked, NO_VALUE);
    if (head.expectsContinue(this.request)) this.response.writeContinue();
    collectBody(this.request, valueBytesMax, this.context.arriving, this);
  }

  onBody(body: Uint8Array): void {
    assert(this.#asked !== undefined, 'write: a body before the request was read');
    const wrong = this.#digests === undefined ? undefined : refuseDigests(this.#digests, body);
    if (wrong === undefined) this.#submit(this.#asked, body);
    else refuse(this, wrong);
  }

  get #bodyBytesMax(): number {
    return this.op === 'touch' ? 0 : this.context.limits.valueBytesMax;
  }

  onTooLarge(): void {
    const { valueBytesMax } = this.context.limits;
    if (this.op === 'touch') return refuse(this, NO_TOUCH_BODY);
    refuse(this, refusal('value-too-large', `a value has at most ${valueBytesMax} bytes`));
  }

  onCrowded(): void {
    refuse(this, CROWDED);
  }

  onReply(reply: Reply): void {
    if (reply.kind === 'written') this.#onWritten(reply);
    else if (reply.kind === 'found') this.#renew(reply.record);
    else if (reply.kind === 'absent') this.#onAbsent(reply);
    else {
      assert(reply.kind === 'failed', 'write: an answer to another command');
      // In a touch, another write may come between the read and the write.
      const isOvertaken = this.#touched !== undefined && reply.fault.code === 'precondition-failed';
      if (isOvertaken && this.#touches < TOUCHES_MAX) return this.#look();
      this.#onFailed(reply);
    }
  }

  onBroken(error: unknown): void {
    breakOff(this.context, this.request, this.response, error);
  }

  #onFailed(reply: Failed): void {
    const { fault: reason } = reply;
    const isAsked = this.#asked?.redirects === true && isBetterAskedElsewhere(reason.code);
    const location = isAsked ? locationOf(reason, this.request.url ?? '') : undefined;
    if (location === undefined) return refuse(this, reason, this.#factsOf(reply));
    connectionOf(this.request.socket)?.end();
    this.response.writeHead(307, redirectHead(this.context, location));
    this.response.end();
    settle(this, 307);
  }

  #submit(asked: WriteRequest, value: Uint8Array): void {
    const { namespace } = this.#policy;
    if (this.op === 'touch') return this.#look();
    const session = this.#session?.forWrite;
    this.context.service.submit(writeCommand(this, namespace, this.#key, asked, session, value));
  }

  /** Only this replica may decide it: here the version is compared. */
  #look(): void {
    const { namespace } = this.#policy;
    const { timeoutMs } = this.#asked as WriteRequest;
    const session = this.#session?.forWrite;
    const asked = { namespace, key: this.#key, r: 1, timeoutMs, session, onUnmet: 'wait' } as const;
    this.#touches++;
    this.context.service.submit({ kind: 'read', client: this, ...asked });
  }

  /** Under an idempotency key a touch is the same request whatever value it finds. */
  #renew(record: Record): void {
    const { origin, seq, contentType, tags, weight, value } = latestOf(record);
    const asked = this.#asked as WriteRequest;
    const version = formatDot(origin, seq);
    if (version === this.#touched) return refuse(this, NOT_MATCHED);
    this.#touched = version;
    const digested = { ...asked, contentType: 'touch' };
    const { namespace } = this.#policy;
    const session = this.#session?.forWrite;
    const command = writeCommand(this, namespace, this.#key, digested, session, NO_VALUE);
    const unchanged: Condition = { kind: 'match', versions: [version] };
    const conditions = [...asked.conditions, unchanged];
    this.context.service.submit({ ...command, value, contentType, tags, weight, conditions });
  }

  #onWritten(written: Written): void {
    const version = formatDot(written.dot.origin, written.dot.seq);
    const head = plainHead(this.context, this.level, this.begunMs);
    head.push('Conit-Version', version, 'Conit-Acks', formatAcks(written.acks, written.replicas));
    pushSuperseded(head, written.supersededBy);
    this.#pushSession(head, written);
    if (this.op !== 'delete')
      head.push('ETag', versionTag(version), 'Last-Modified', httpDate(written.hlc));
    const status = this.#statusOf(written);
    if (status === 202) {
      head.push(
        'Location',
        pathTo('write-status', { dot: version }),
        'Preference-Applied',
        'respond-async',
      );
    }
    const old = status === 200 ? written.replaced : undefined;
    if (old !== undefined) {
      head.push('Preference-Applied', 'return=representation');
      pushContent(head, old);
    } else if (status !== 204) head.push('Content-Length', '0');
    this.response.writeHead(status, head);
    this.response.end(old && latestOf(old).value);
    settle(this, status);
  }

  #onAbsent(absent: Absent): void {
    const head: HeaderList = [];
    this.#pushSession(head, absent);
    refuse(this, NOT_FOUND, head);
  }

  /** The token has room for this write: that was checked before the request began. */
  #pushSession(head: HeaderList, reply: Reply): void {
    this.#session?.follow(reply);
    const token = this.#session?.token;
    if (token !== undefined && !isFault(token)) head.push(SESSION_HEADER, token);
  }

  #statusOf({ settled, created, replaced }: Written): number {
    if (!settled) return 202;
    if (this.op !== 'put') return replaced === undefined ? 204 : 200;
    return created ? 201 : 204;
  }

  // The session, and the details of a write that did not get enough copies.
  #factsOf(reply: Failed): HeaderList {
    const { dot, acks, supersededBy } = reply.fault;
    this.#session?.follow(reply);
    const facts = this.#session?.headOf(reply.fault) ?? [];
    if (dot !== undefined) facts.push('Conit-Version', formatDot(dot.origin, dot.seq));
    if (acks !== undefined) facts.push('Conit-Acks', formatAcks(acks, this.context.members.length));
    pushSuperseded(facts, supersededBy);
    return facts;
  }
}

/** A newer version that a replica reported for this write. */
function pushSuperseded(head: HeaderList, by: Dot | undefined): void {
  if (by !== undefined) head.push('Conit-Superseded-By', formatDot(by.origin, by.seq));
}
