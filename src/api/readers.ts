// One reader for each form of parameter; each returns the value or a fault that names the
// parameter. A parameter that the API knows but that is not built is refused by name (`not-built`),
// and an unknown one is refused too: a request never gets less than it asked for without an error.
//
// A duration carries its unit: `500ms`, `10s`, `5m`, `2h`, `7d`. A bare number is refused, because
// one person would read it as milliseconds and another as seconds.

import { unreachable } from '../base/assert.ts';
import { type Fault, fault } from '../model/fault.ts';
import { type Level, LEVELS } from '../model/level.ts';
import { type Policy, TIMEOUT_MS_MAX } from '../model/policy.ts';
import type { OnUnmet } from '../model/command.ts';
import { GUARANTEES, type Guarantees, guaranteesOf } from '../model/guarantees.ts';
import { parseQuorum, type QuorumSpec } from '../model/quorum.ts';

export const DURATION_PATTERN = '^[1-9][0-9]{0,9}(ms|s|m|h|d)$';
export const QUORUM_WORDS = ['majority', 'all', 'local', 'each'] as const;

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

export function readTimeout(text: string): number | Fault {
  return readDuration('timeout', text, TIMEOUT_MS_MAX, '1 hour');
}

/** The staleness that a read allows, in ms. */
export function readBound(text: string): number | Fault {
  return readDuration('t', text, TIMEOUT_MS_MAX, '1 hour');
}

export function readTtl(text: string): number | Fault {
  return readDuration('ttl', text, TTL_MS_MAX, '10 years');
}

/** In ms. */
export function readDuration(
  name: string,
  text: string,
  msMax: number,
  most: string,
): number | Fault {
  const match = DURATION.exec(text);
  const ms = match === null ? undefined : Number(match[1]) * (UNIT_MS[match[2] as string] ?? 0);
  if (ms !== undefined && ms <= msMax) return ms;
  return invalid(
    name,
    `must be a duration with its unit, such as 500ms or 10s, of at most ${most}`,
  );
}

/** A parameter that is on without a value or with `true`. */
export function readFlag(name: string, text: string): boolean | Fault {
  if (text === '' || text === 'true') return true;
  return text === 'false' ? false : invalid(name, 'takes no value, true or false');
}

/** One of several words. */
export function readWord<const T extends string>(
  name: string,
  text: string,
  known: readonly T[],
): T | Fault {
  return known.find((word) => word === text) ?? invalid(name, `must be ${known.join(' or ')}`);
}

export function readWhole(name: string, text: string, most: number): number | Fault {
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= most ? value : invalid(name, `must be 1 to ${most}`);
}

/** Text of at most this many characters. */
export function readText(name: string, text: string, lengthMax: number): string | Fault {
  return text.length <= lengthMax ? text : invalid(name, `has at most ${lengthMax} characters`);
}

/** Reads `r` and `w` for a given number of replicas. */
export interface QuorumDoor {
  read(name: string, text: string): QuorumSpec | Fault;
}

export function createQuorumDoor(replicas: number): QuorumDoor {
  const known = new Map<string, QuorumSpec>();
  for (const word of QUORUM_WORDS) known.set(word, word);
  for (let count = 1; count <= replicas; count++) {
    known.set(String(count), parseQuorum(String(count)) ?? count);
  }
  const must = `must be 1 to ${replicas}, majority, all, local or each`;
  return { read: (name, text) => known.get(text) ?? invalid(name, must) };
}

/** The namespace's own level and weaker ones are met; a stronger one is not built yet. */
export function checkLevel(text: string, policy: Policy): Fault | undefined {
  const asked = LEVELS.indexOf(text as Level);
  if (asked < 0) return invalid('consistency', `must be one of ${LEVELS.join(', ')}`);
  if (asked >= LEVELS.indexOf(policy.consistency)) return undefined;
  const detail =
    'the parameter "consistency" cannot ask for a stronger level than the policy has; this is not built yet';
  return fault('not-built', detail);
}

/**
 * The values of `onUnmet` and `redirect`. `forward`: this replica asks another. `wait` and `pull`:
 * for what the session has seen, which is pulled from a holder. `stale`: without it.
 */
export const UNMET = ['forward', 'wait', 'pull', 'stale', 'redirect', 'fail'] as const;
export type UnmetWord = (typeof UNMET)[number];

/** Reads `onUnmet`, or `redirect`, which stands for `onUnmet=redirect`. */
export function readUnmet(name: string, text: string): UnmetWord | Fault {
  if (name === 'redirect') {
    const isAsked = readFlag(name, text);
    if (typeof isAsked !== 'boolean') return isAsked;
    return isAsked ? 'redirect' : 'forward';
  }
  const known = UNMET.find((word) => word === text);
  if (known !== undefined) return known;
  return invalid(name, `must be one of ${UNMET.join(', ')}`);
}

/** What a replica does for a read whose parameters say this; `undefined`: they say nothing. */
export function unmetOf(word: UnmetWord | undefined): OnUnmet {
  switch (word) {
    case undefined:
      return 'usual';
    case 'pull':
      return 'wait';
    case 'redirect':
    case 'stale':
      return 'fail';
    case 'forward':
    case 'wait':
    case 'fail':
      return word;
    default:
      return unreachable(word);
  }
}

/** A list of guarantees, or `none`. */
export function readGuarantees(name: string, text: string): Guarantees | Fault {
  const must = `must be none, or some of ${GUARANTEES.join(', ')}, each once`;
  return guaranteesOf(text === 'none' ? [] : text.split(',')) ?? invalid(name, must);
}

export function invalid(name: string, must: string): Fault {
  return fault('invalid-parameter', `the parameter "${name}" ${must}`);
}

export function notBuilt(kind: 'header' | 'parameter', name: string): Fault {
  return fault('not-built', `the ${kind} "${name}" is not built yet`);
}

export function malformed(header: string): Fault {
  return fault('invalid-parameter', `the header ${header} is malformed`);
}

/** The fault for a parameter that is repeated, not built yet, or unknown. */
export function refuseParameter(
  name: string,
  notYet: readonly string[],
  taken: readonly string[],
): Fault {
  if (taken.includes(name)) return invalid(name, 'came more than once');
  if (notYet.includes(name)) return notBuilt('parameter', name);
  // Repeats a name in the message only if it is harmless.
  const what = PRINTABLE_NAME.test(name) ? `there is no parameter "${name}"` : 'unknown parameter';
  return fault('invalid-parameter', `${what} here`);
}
