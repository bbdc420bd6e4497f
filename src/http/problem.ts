// Problem details (RFC 9457) for every error, of the kinds that api/problems.ts lists. A problem
// says whether the request may have had an effect (`indeterminate`) and whether trying again can
// help; it contains no stack and nothing of the request except what a fault's detail names.

import { type ProblemCode, PROBLEMS, problemUrn, statusOf } from '../api/problems.ts';
import type { ProblemView } from '../api/shapes.ts';
import type { Alternate, Fault } from '../model/fault.ts';
import { type Dot, formatDot } from '../model/id.ts';

/** Why a request is not served: a fault of the core, or a refusal that only HTTP knows. */
export type Refusal = Omit<Fault, 'code'> & { readonly code: ProblemCode };

/** The replica that answers, and the next number for a failed request. */
export interface ProblemSource {
  readonly node: string;
  readonly region: string;
  nextInstance(): string;
}

const RETRY_AFTER_MS_DEFAULT = 1000;

/** The result of a check that fails: a fault of the core, or a refusal of HTTP. */
export function isFault<T>(value: T | Refusal): value is Extract<T | Refusal, Refusal> {
  return typeof value === 'object' && value !== null && 'code' in value;
}

export function refusal(
  code: ProblemCode,
  detail: string,
  more: Omit<Refusal, 'code' | 'detail'> = {},
): Refusal {
  return { code, detail, ...more };
}

export function problemDocument(
  reason: Refusal,
  source: ProblemSource,
  instance: string = source.nextInstance(),
): ProblemView {
  const { status, title, retryable, indeterminate } = PROBLEMS[reason.code];
  return {
    type: problemUrn(reason.code),
    title,
    status,
    detail: reason.detail,
    instance,
    retryable,
    indeterminate,
    node: source.node,
    region: source.region,
    ...(reason.required === undefined ? {} : { required: reason.required }),
    ...(reason.acks === undefined ? {} : { acks: reason.acks }),
    ...(reason.item === undefined ? {} : { item: reason.item }),
    ...(reason.state === undefined ? {} : { state: reason.state }),
    ...(reason.alternates === undefined
      ? {}
      : { alternates: reason.alternates.map(alternateView) }),
    ...(reason.dot === undefined ? {} : { dot: formatDot(reason.dot.origin, reason.dot.seq) }),
    ...(reason.supersededBy === undefined ? {} : { supersededBy: textOf(reason.supersededBy) }),
  };
}

/** Seconds for Retry-After, or `undefined` if the problem has no such header. */
export function retryAfterOf(reason: Refusal): string | undefined {
  const status = statusOf(reason.code);
  if (status !== 429 && status !== 503) return undefined;
  return String(Math.max(1, Math.ceil((reason.retryAfterMs ?? RETRY_AFTER_MS_DEFAULT) / 1000)));
}

function textOf({ origin, seq }: Dot): string {
  return formatDot(origin, seq);
}

function alternateView({ id, url }: Alternate) {
  return { id, url: url ?? null };
}
