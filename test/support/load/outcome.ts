// The outcome of an operation according to its reply (promise O1 in docs/promises.md): it happened,
// it did not and will not happen, or it is unknown. Only a problem that says so is a refusal;
// everything doubtful is unknown.

import type { Outcome } from '../../checkers/operation.ts';
import type { NoReply, RawReply } from '../raw-http.ts';

export interface Judgement {
  readonly ok: Outcome;
  /** '' if it happened. */
  readonly reason: string;
}

const HAPPENED: Judgement = { ok: true, reason: '' };

export function judge(reply: RawReply | NoReply): Judgement {
  if (reply.kind !== 'reply') return { ok: null, reason: reply.kind };
  if (reply.status >= 200 && reply.status < 300) return HAPPENED;
  const problem = problemOf(reply);
  const reason = `${reply.status} ${problem.name}`;
  const isRefusal = reply.status !== 504 && problem.indeterminate === false;
  return { ok: isRefusal ? false : null, reason };
}

/** A read whose answer is that there is no value. */
export function isAbsence(reply: RawReply | NoReply): boolean {
  return reply.kind === 'reply' && reply.status === 404 && problemOf(reply).name === 'not-found';
}

function problemOf({ headers, body }: RawReply): {
  readonly name: string;
  readonly indeterminate: unknown;
} {
  if (headers.get('content-type')?.startsWith('application/problem+json') !== true) {
    return { name: 'no problem document', indeterminate: undefined };
  }
  const { type, indeterminate } = JSON.parse(body.toString('utf8')) as {
    readonly type: string;
    readonly indeterminate: unknown;
  };
  return { name: type.slice(type.lastIndexOf(':') + 1), indeterminate };
}
