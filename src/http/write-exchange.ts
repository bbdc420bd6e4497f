// PUT and DELETE of one key: what is asked, the body, the command, the reply. The exchange is the client of its own
// command.
//
//   begin -> refused | collecting -> refused | submitted -> answered

import type { IncomingMessage, ServerResponse } from 'node:http';
import { assert } from '../base/assert.ts';
import type { Client, Reply, Written } from '../model/command.ts';
import type { Fault } from '../model/fault.ts';
import { formatDot, type Key } from '../model/id.ts';
import type { Level, Policy } from '../model/policy.ts';
import { type BodySink, collectBody } from './body.ts';
import { breakOff } from './break-off.ts';
import type { HttpContext } from './context.ts';
import { type Digests, digestsOf, refuseDigests } from './digest.ts';
import { type Exchange, refuse, settle } from './exchange.ts';
import type { KeyTarget } from './key-target.ts';
import { isFault } from './parameter.ts';
import { refusal } from './problem.ts';
import { type HeaderList, httpDate, plainHead } from './reply-head.ts';
import type { RequestHead } from './request-head.ts';
import { readWriteRequest, writeCommand, type WriteRequest } from './write-request.ts';

const NO_VALUE = new Uint8Array(0);

export class WriteExchange implements Client, Exchange, BodySink {
  readonly context: HttpContext;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly op: string;
  readonly level: Level;
  readonly begunMs: number;
  readonly #policy: Policy;
  readonly #key: Key;
  #asked: WriteRequest | undefined = undefined;
  #digests: Digests | undefined = undefined;

  constructor(
    context: HttpContext,
    request: IncomingMessage,
    response: ServerResponse,
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
    const operation = this.op === 'put' ? 'put' : 'delete';
    const asked = readWriteRequest(operation, query, head, this.context.quorums);
    if (isFault(asked)) return refuse(this, asked);
    this.#asked = asked;
    const { valueBytesMax } = this.context.limits;
    if (Number(head.contentLength ?? 0) > valueBytesMax) return this.onTooLarge();
    this.#digests = digestsOf(head);
    if (!head.hasBody && this.#digests === undefined) return this.#submit(asked, NO_VALUE);
    if (head.expectsContinue(this.request)) this.response.writeContinue();
    collectBody(this.request, valueBytesMax, this);
  }

  onBody(body: Uint8Array): void {
    assert(this.#asked !== undefined, 'write: a body before the request was read');
    const wrong = this.#digests === undefined ? undefined : refuseDigests(this.#digests, body);
    if (wrong === undefined) this.#submit(this.#asked, body);
    else refuse(this, wrong);
  }

  onTooLarge(): void {
    const { valueBytesMax } = this.context.limits;
    refuse(this, refusal('value-too-large', `a value has at most ${valueBytesMax} bytes`));
  }

  onReply(reply: Reply): void {
    if (reply.kind === 'written') this.#onWritten(reply);
    else {
      assert(reply.kind === 'failed', 'write: an answer to another command');
      refuse(this, reply.fault, this.#factsOf(reply.fault));
    }
  }

  onBroken(error: unknown): void {
    breakOff(this.context, this.request, this.response, error);
  }

  #submit(asked: WriteRequest, value: Uint8Array): void {
    const { namespace } = this.#policy;
    this.context.service.submit(writeCommand(this, namespace, this.#key, asked, value));
  }

  #onWritten(written: Written): void {
    const version = formatDot(written.dot.origin, written.dot.seq);
    const head = plainHead(this.context, this.level, this.begunMs);
    head.push('Conit-Version', version, 'Conit-Acks', `${written.acks}/${written.replicas}`);
    if (this.op === 'put')
      head.push('ETag', `"${version}"`, 'Last-Modified', httpDate(written.hlc));
    const status = this.#statusOf(written);
    if (status === 202) {
      head.push('Location', `/v1/writes/${version}`, 'Preference-Applied', 'respond-async');
    }
    if (status !== 204) head.push('Content-Length', '0');
    this.response.writeHead(status, head);
    this.response.end();
    settle(this, status);
  }

  #statusOf({ settled, created }: Written): number {
    if (!settled) return 202;
    return this.op === 'put' && created ? 201 : 204;
  }

  // What is known of a write that did not get the copies it asked for.
  #factsOf({ dot, acks }: Fault): HeaderList {
    const facts: HeaderList = [];
    if (dot !== undefined) facts.push('Conit-Version', formatDot(dot.origin, dot.seq));
    if (acks !== undefined) facts.push('Conit-Acks', `${acks}/${this.context.members.length}`);
    return facts;
  }
}
