// HTTP/1.1 with the least parsing that is still correct: the status, then Content-Length or chunks.
// 2xx is success, 404 a miss, everything else a failure. A system may read the body (PouchDB must).

import { type Outcome, outcome, type Template, type Wire } from './wire.ts';

interface HttpReply {
  readonly status: number;
  /** The position of the body in the data; with chunks it still contains their size lines. */
  readonly bodyAt: number;
  readonly end: number;
}

export class HttpWire implements Wire {
  readonly greeting = undefined;
  readonly #put: Template;
  readonly #get: Template;

  constructor(put: Template, get: Template) {
    this.#put = put;
    this.#get = get;
  }

  put(key: number, serial: number): Buffer {
    return this.#put.forPut(key, serial);
  }

  get(key: number): Buffer {
    return this.#get.forKey(key);
  }

  judge(data: Buffer, end: number): Outcome {
    const reply = parseReply(data, end);
    return reply === undefined ? outcome.pending : outcomeOf(reply.status);
  }
}

export function outcomeOf(status: number): Outcome {
  if (status >= 200 && status < 300) return outcome.ok;
  return status === 404 ? outcome.miss : outcome.failed;
}

/** The reply at the start of the data; undefined while it is incomplete. */
export function parseReply(data: Buffer, end: number): HttpReply | undefined {
  const headEnd = data.indexOf('\r\n\r\n', 0, 'latin1');
  if (headEnd < 0 || headEnd + 4 > end) return undefined;
  const head = data.toString('latin1', 0, headEnd + 2);
  const status = Number(head.slice(9, 12));
  const bodyAt = headEnd + 4;
  const bodyEnd = isBodiless(status) ? bodyAt : endOfBody(data, end, head, bodyAt);
  return bodyEnd === undefined ? undefined : { status, bodyAt, end: bodyEnd };
}

function isBodiless(status: number): boolean {
  return status === 204 || status === 304;
}

function endOfBody(data: Buffer, end: number, head: string, at: number): number | undefined {
  const length = lengthPattern.exec(head)?.[1];
  if (length === undefined) return chunkedPattern.test(head) ? endOfChunks(data, end, at) : at;
  const bodyEnd = at + Number(length);
  return bodyEnd <= end ? bodyEnd : undefined;
}

function endOfChunks(data: Buffer, end: number, bodyAt: number): number | undefined {
  for (let at = bodyAt; ; ) {
    const lineEnd = data.indexOf('\r\n', at, 'latin1');
    if (lineEnd < 0 || lineEnd + 2 > end) return undefined;
    const size = Number.parseInt(data.toString('latin1', at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (Number.isNaN(size) || next > end) return undefined;
    if (size === 0) return next;
    at = next;
  }
}

const lengthPattern = /\r\ncontent-length: *(\d+)/i;
const chunkedPattern = /\r\ntransfer-encoding: *chunked/i;
