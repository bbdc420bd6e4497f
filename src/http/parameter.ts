// One door per form of parameter, each giving the value or a fault that names the parameter. What the API knows but
// nothing answers to yet is refused by name (`not-built`), what it does not know is refused too: a request never gets
// less than it asked for without being told.
//
// A duration carries its unit: `500ms`, `10s`, `5m`, `2h`, `7d`. A bare number is refused, because it would be read
// as milliseconds by one person and as seconds by the next.

import { type Fault, fault } from '../model/fault.ts';
import { type Level, LEVELS, type Policy, TIMEOUT_MS_MAX } from '../model/policy.ts';
import { parseQuorum, type QuorumSpec } from '../model/quorum.ts';
import type { Refusal } from './problem.ts';

const DURATION = /^([1-9][0-9]{0,9})(ms|s|m|h|d)$/;
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const TTL_MS_MAX = 10 * 365 * 86_400_000;
const PRINTABLE_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

/** Reads a duration in ms. */
function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  return match === null ? undefined : Number(match[1]) * (UNIT_MS[match[2] as string] ?? 0);
}

export function readTimeout(text: string): number | Fault {
  return readDuration('timeout', text, TIMEOUT_MS_MAX, '1 hour');
}

export function readTtl(text: string): number | Fault {
  return readDuration('ttl', text, TTL_MS_MAX, '10 years');
}

export function readDuration(
  name: string,
  text: string,
  msMax: number,
  most: string,
): number | Fault {
  const ms = parseDuration(text);
  if (ms !== undefined && ms <= msMax) return ms;
  return invalid(
    name,
    `must be a duration with its unit, such as 500ms or 10s, of at most ${most}`,
  );
}

/** A parameter that is on where it stands alone or says `true`. */
export function readFlag(name: string, text: string): boolean | Fault {
  if (text === '' || text === 'true') return true;
  return text === 'false' ? false : invalid(name, 'takes no value, true or false');
}

/** Reads `r` and `w` for a given number of replicas. */
export interface QuorumDoor {
  read(name: string, text: string): QuorumSpec | Fault;
}

export function createQuorumDoor(replicas: number): QuorumDoor {
  const known = new Map<string, QuorumSpec>();
  for (const word of ['majority', 'all', 'local', 'each'] as const) known.set(word, word);
  for (let count = 1; count <= replicas; count++) {
    known.set(String(count), parseQuorum(String(count)) ?? count);
  }
  const must = `must be 1 to ${replicas}, majority, all, local or each`;
  return { read: (name, text) => known.get(text) ?? invalid(name, must) };
}

/** A level that the namespace's own one implies is met; a stronger one has nothing that could give it yet. */
export function checkLevel(text: string, policy: Policy): Fault | undefined {
  const asked = LEVELS.indexOf(text as Level);
  if (asked < 0) return invalid('consistency', `must be one of ${LEVELS.join(', ')}`);
  if (asked >= LEVELS.indexOf(policy.consistency)) return undefined;
  const detail = 'the parameter "consistency" cannot ask for more than the policy gives yet';
  return fault('not-built', detail);
}

export function invalid(name: string, must: string): Fault {
  return fault('invalid-parameter', `the parameter "${name}" ${must}`);
}

export function notBuilt(kind: 'header' | 'parameter', name: string): Fault {
  return fault('not-built', `the ${kind} "${name}" is not built yet`);
}

/** The fault for a parameter that a route does not take again, yet, or at all. */
export function refuseParameter(
  name: string,
  notYet: readonly string[],
  taken: readonly string[],
): Fault {
  if (taken.includes(name)) return invalid(name, 'came more than once');
  if (notYet.includes(name)) return notBuilt('parameter', name);
  // A name is repeated only where it is harmless.
  const what = PRINTABLE_NAME.test(name) ? `there is no parameter "${name}"` : 'unknown parameter';
  return fault('invalid-parameter', `${what} here`);
}

/** A fault of the core or a refusal of HTTP, not a value. */
export function isFault<T>(value: T | Refusal): value is Extract<T | Refusal, Refusal> {
  return typeof value === 'object' && value !== null && 'code' in value;
}
