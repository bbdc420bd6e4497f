// What a door gives: a value, or why there is none.

import type { Refusal } from '../problem.ts';

/** A fault of the core or a refusal of HTTP, not a value. */
export function isFault<T>(value: T | Refusal): value is Extract<T | Refusal, Refusal> {
  return typeof value === 'object' && value !== null && 'code' in value;
}
