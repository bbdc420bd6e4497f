// A namespace's policy is data. This file knows all words of policies and compiles them: unknown
// words and contradictions are refused with a reason, and words that are not built yet are refused
// by name, so that a guarantee is never weaker than the policy asks for.

import { hashText } from '../base/mix.ts';
import {
  ALL_GUARANTEES,
  GUARANTEES,
  type Guarantees,
  guaranteesOf,
  namesOf,
} from './guarantees.ts';
import { type NamespaceName, parseNamespace } from './id.ts';
import { type Level, LEVELS, rulesOf } from './level.ts';
import {
  intersects,
  type Member,
  parseQuorum,
  type QuorumSpec,
  type Requirement,
  requirementOf,
} from './quorum.ts';

/** All causal namespaces together, or each unit (unit.ts) by itself. */
export type CausalScope = 'cluster' | 'unit';

export type ConflictRule = 'lww' | 'siblings' | 'crdt' | 'reject';

/** A compiled policy: every default filled in, every number checked against the membership. */
export interface Policy {
  readonly namespace: NamespaceName;
  readonly consistency: Level;
  /** Among which entries a `causal` namespace keeps order. */
  readonly causalScope: CausalScope;
  readonly conflict: ConflictRule;
  readonly w: QuorumSpec;
  readonly r: QuorumSpec;
  /** How long a request without a timeout of its own waits for replicas. */
  readonly timeoutMs: number;
  /** Reads see every completed write, because the quorums overlap. */
  readonly overlap: boolean;
  readonly staleAfter: StaleAfter | undefined;
  /**
   * What happens to writes at a replica that hears no majority. If `staleAfter` bounds what readers
   * may lack, the default is to refuse them: no reader elsewhere would see them while the replica
   * is disconnected.
   */
  readonly onIsolated: OnIsolated;
  /** How stale an answer may be, unless the request says so itself; in ms. */
  readonly boundMs: number | undefined;
  /**
   * Reads pause at a replica to which writes take this many ms longer than the baseline of its
   * links.
   */
  readonly pauseLagMs: number | undefined;
  /** At least this many replicas keep answering, even if their lag says to pause. */
  readonly minServing: number;
  /** The guarantees of a session whose request does not name any. */
  readonly session: Guarantees;
}

/** How far behind a replica may be before it stops answering reads; either rule suffices. */
export interface StaleAfter {
  readonly timeMs: number | undefined;
  readonly entries: number | undefined;
}

export type OnIsolated = 'refuse' | 'accept';

export interface PolicyProblem {
  /** The place in the document, such as `namespaces.cart.consistency`. */
  readonly path: string;
  readonly code: 'invalid' | 'unknown' | 'not-built' | 'contradiction';
  readonly reason: string;
}

export type Compilation =
  | { readonly ok: true; readonly policies: readonly Policy[] }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

export const TIMEOUT_MS_MAX = 3_600_000;
const CONFLICT_RULES: readonly string[] = ['lww', 'siblings', 'crdt', 'reject'];
const TIMEOUT_MS_DEFAULT = 5000;

/** Known members of a policy document that are not built yet. */
const NOT_BUILT: readonly string[] = [
  'preset',
  'home',
  'unit',
  'placement',
  'sync',
  'onUnmet',
  'maxSiblings',
  'cache',
  'critical',
];
const BUILT: readonly string[] = [
  'consistency',
  'causalScope',
  'conflict',
  'w',
  'r',
  'timeoutMs',
  'claimOverlap',
  'staleAfter',
  'onIsolated',
  'bounds',
  'pauseLagMs',
  'minServing',
  'session',
];
/** A shorter time could not be distinguished from the interval of heartbeats. */
const STALE_AFTER_MS_MIN = 1000;
/** A shorter time is within the usual delays of schedulers, disks and links in one machine room. */
const PAUSE_LAG_MS_MIN = 50;

type Fields = { readonly [name: string]: unknown };

/** Compiles the `namespaces` object of a configuration for this membership. */
export function compilePolicies(
  document: unknown,
  members: readonly Member[],
  self: Member,
): Compilation {
  const problems: PolicyProblem[] = [];
  const policies: Policy[] = [];
  if (!isFields(document)) {
    return refuse([
      { path: 'namespaces', code: 'invalid', reason: 'must be an object of policies by name' },
    ]);
  }
  for (const name of Object.keys(document)) {
    const namespace = parseNamespace(name);
    const fields = document[name];
    const path = `namespaces.${name}`;
    if (namespace === undefined) {
      problems.push({
        path,
        code: 'invalid',
        reason: 'a namespace name matches [a-z][a-z0-9-]{0,62}',
      });
    } else if (!isFields(fields)) {
      problems.push({ path, code: 'invalid', reason: 'must be an object' });
    } else {
      const compiled = compilePolicy(namespace, fields, members, self, path);
      if (Array.isArray(compiled)) problems.push(...compiled);
      else policies.push(compiled);
    }
  }
  return problems.length > 0 ? refuse(problems) : { ok: true, policies };
}

/**
 * A policy that bounds the lag of replicas that answer: each reports the namespace while its state
 * is not `serving`.
 */
export function isLagBounded({
  staleAfter,
  pauseLagMs,
}: Pick<Policy, 'staleAfter' | 'pauseLagMs'>): boolean {
  return staleAfter !== undefined || pauseLagMs !== undefined;
}

/** A stable digest, by which replicas check that they run the same policies. */
export function policyDigest(policies: readonly Policy[]): number {
  const lines = policies.map((p) =>
    [
      p.namespace,
      p.consistency,
      p.conflict,
      p.w,
      p.r,
      p.timeoutMs,
      p.staleAfter?.timeMs,
      p.staleAfter?.entries,
      p.pauseLagMs,
      p.minServing,
      ...(p.causalScope === 'unit' ? ['unit'] : []),
      ...(p.boundMs === undefined ? [] : [`t=${p.boundMs}`]),
      ...(p.staleAfter !== undefined && p.onIsolated === 'accept' ? ['accept'] : []),
      ...(p.session.size < GUARANTEES.length ? ['session', ...namesOf(p.session)] : []),
    ].join(' '),
  );
  return hashText(lines.sort().join('')) >>> 0;
}

function compilePolicy(
  namespace: NamespaceName,
  fields: Fields,
  members: readonly Member[],
  self: Member,
  path: string,
): Policy | PolicyProblem[] {
  const problems = fieldProblems(fields, path);
  const consistency = given(fields, 'consistency', 'eventual');
  const conflict = given(fields, 'conflict', 'lww');
  problems.push(...levelProblems(consistency, conflict, path));
  const causalScope = causalScopeField(fields, consistency, path, problems);
  const w = quorumField(fields, 'w', members, self, path, problems);
  const r = quorumField(fields, 'r', members, self, path, problems);
  const timeoutMs = given(fields, 'timeoutMs', TIMEOUT_MS_DEFAULT);
  if (!isTimeout(timeoutMs)) {
    problems.push({
      path: `${path}.timeoutMs`,
      code: 'invalid',
      reason: `must be 1 to ${TIMEOUT_MS_MAX} ms`,
    });
  }
  const staleAfter = staleAfterField(fields, path, problems);
  const boundMs = boundField(fields, path, problems);
  const onIsolated = onIsolatedField(fields, staleAfter, path, problems);
  problems.push(...pauseProblems(fields, staleAfter, members.length, path));
  const session = sessionField(fields, path, problems);
  const claimOverlap = given(fields, 'claimOverlap', false);
  if (typeof claimOverlap !== 'boolean') {
    const reason = 'must be true or false';
    problems.push({ path: `${path}.claimOverlap`, code: 'invalid', reason });
  }
  if (problems.length > 0 || w === undefined || r === undefined) return problems;
  const overlap = intersects(r.requirement, w.requirement);
  if (claimOverlap === true && !overlap) {
    const reason = `r + w must exceed ${members.length} replicas for reads to meet every write`;
    return [{ path: `${path}.claimOverlap`, code: 'contradiction', reason }];
  }
  return {
    namespace,
    consistency: consistency as Level,
    causalScope,
    conflict: conflict as ConflictRule,
    w: w.spec,
    r: r.spec,
    timeoutMs: timeoutMs as number,
    overlap,
    staleAfter,
    onIsolated,
    boundMs,
    pauseLagMs: fields['pauseLagMs'] as number | undefined,
    minServing: given(fields, 'minServing', 1) as number,
    session,
  };
}

/** `{"timeMs": 2000, "entries": 500}`, either or both. */
function staleAfterField(
  fields: Fields,
  path: string,
  problems: PolicyProblem[],
): StaleAfter | undefined {
  const value = fields['staleAfter'];
  if (value === undefined) return undefined;
  const add = (at: string, reason: string): void =>
    void problems.push({ path: `${path}.staleAfter${at}`, code: 'invalid', reason });
  if (!isFields(value)) {
    add('', 'must be an object with timeMs, entries, or both');
    return undefined;
  }
  const { timeMs, entries, ...others } = value;
  for (const name of Object.keys(others)) add(`.${name}`, 'is neither timeMs nor entries');
  if (timeMs === undefined && entries === undefined) add('', 'names neither timeMs nor entries');
  const isTimeGood =
    timeMs === undefined || (isTimeout(timeMs) && (timeMs as number) >= STALE_AFTER_MS_MIN);
  if (!isTimeGood) add('.timeMs', `must be ${STALE_AFTER_MS_MIN} to ${TIMEOUT_MS_MAX} ms`);
  const areEntriesGood =
    entries === undefined || (Number.isSafeInteger(entries) && (entries as number) >= 1);
  if (!areEntriesGood) add('.entries', 'must be a whole number of at least 1');
  return {
    timeMs: timeMs as number | undefined,
    entries: entries as number | undefined,
  };
}

/** `{"t": 2000}`, in ms. Bounds on order and value are not built. */
function boundField(fields: Fields, path: string, problems: PolicyProblem[]): number | undefined {
  const value = fields['bounds'];
  if (value === undefined) return undefined;
  const add = (at: string, code: PolicyProblem['code'], reason: string): void =>
    void problems.push({ path: `${path}.bounds${at}`, code, reason });
  if (!isFields(value)) {
    add('', 'invalid', 'must be an object with t');
    return undefined;
  }
  const { t, ...others } = value;
  for (const name of Object.keys(others)) {
    if (name === 'n' || name === 'w') add(`.${name}`, 'not-built', `"${name}" is not built yet`);
    else add(`.${name}`, 'unknown', 'is no bound');
  }
  if (!isTimeout(t)) add('.t', 'invalid', `must be 1 to ${TIMEOUT_MS_MAX} ms`);
  return t as number;
}

function onIsolatedField(
  fields: Fields,
  staleAfter: StaleAfter | undefined,
  path: string,
  problems: PolicyProblem[],
): OnIsolated {
  const value = given(fields, 'onIsolated', staleAfter === undefined ? 'accept' : 'refuse');
  const isKnown = value === 'refuse' || value === 'accept';
  const add = (code: PolicyProblem['code'], reason: string): void =>
    void problems.push({ path: `${path}.onIsolated`, code, reason });
  if (!isKnown) add('invalid', 'must be refuse or accept');
  else if (fields['onIsolated'] !== undefined && fields['staleAfter'] === undefined)
    add(
      'contradiction',
      'says what a bound on staleness means for writes, and there is no staleAfter',
    );
  return isKnown ? value : 'refuse';
}

/** `pauseLagMs` and `minServing`. */
function pauseProblems(
  fields: Fields,
  staleAfter: StaleAfter | undefined,
  replicas: number,
  path: string,
): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const add = (name: string, code: PolicyProblem['code'], reason: string): void =>
    void problems.push({ path: `${path}.${name}`, code, reason });
  const { pauseLagMs, minServing } = fields;
  if (pauseLagMs !== undefined) {
    if (!isTimeout(pauseLagMs))
      add('pauseLagMs', 'invalid', `must be ${PAUSE_LAG_MS_MIN} to ${TIMEOUT_MS_MAX} ms`);
    else if ((pauseLagMs as number) < PAUSE_LAG_MS_MIN)
      add('pauseLagMs', 'contradiction', `below ${PAUSE_LAG_MS_MIN} ms is the jitter of any link`);
    else if (staleAfter?.timeMs !== undefined && (pauseLagMs as number) >= staleAfter.timeMs)
      add(
        'pauseLagMs',
        'contradiction',
        'must be less than staleAfter.timeMs, which comes after it',
      );
  }
  if (minServing === undefined) return problems;
  const isCount =
    Number.isInteger(minServing) &&
    (minServing as number) >= 1 &&
    (minServing as number) <= replicas;
  if (!isCount) add('minServing', 'invalid', `must be 1 to ${replicas} replicas`);
  else if (pauseLagMs === undefined)
    add('minServing', 'contradiction', 'keeps replicas from pausing, and there is no pauseLagMs');
  return problems;
}

/** `["ryw", "mr"]`: these guarantees and no others. */
function sessionField(fields: Fields, path: string, problems: PolicyProblem[]): Guarantees {
  const value = given(fields, 'session', GUARANTEES);
  const session = Array.isArray(value) ? guaranteesOf(value) : undefined;
  if (session !== undefined) return session;
  const reason = `must be a list of some of ${GUARANTEES.join(', ')}, each once`;
  problems.push({ path: `${path}.session`, code: 'invalid', reason });
  return ALL_GUARANTEES;
}

function fieldProblems(fields: Fields, path: string): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  for (const name of Object.keys(fields)) {
    const at = `${path}.${name}`;
    if (NOT_BUILT.includes(name)) {
      problems.push({ path: at, code: 'not-built', reason: `"${name}" is not built yet` });
    } else if (!BUILT.includes(name)) {
      problems.push({ path: at, code: 'unknown', reason: `"${name}" is not a policy setting` });
    }
  }
  return problems;
}

function levelProblems(consistency: unknown, conflict: unknown, path: string): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const levelPath = `${path}.consistency`;
  if (!LEVELS.includes(consistency as Level)) {
    problems.push({
      path: levelPath,
      code: 'invalid',
      reason: `must be one of ${LEVELS.join(', ')}`,
    });
  } else if (rulesOf(consistency as Level) === undefined) {
    const reason = `consistency "${String(consistency)}" is not built yet`;
    problems.push({ path: levelPath, code: 'not-built', reason });
  }
  const conflictPath = `${path}.conflict`;
  if (!CONFLICT_RULES.includes(conflict as string)) {
    problems.push({
      path: conflictPath,
      code: 'invalid',
      reason: `must be one of ${CONFLICT_RULES.join(', ')}`,
    });
  } else if (conflict !== 'lww') {
    const reason = `conflict "${String(conflict)}" is not built yet`;
    problems.push({ path: conflictPath, code: 'not-built', reason });
  }
  return problems;
}

function causalScopeField(
  fields: Fields,
  consistency: unknown,
  path: string,
  problems: PolicyProblem[],
): CausalScope {
  const value = given(fields, 'causalScope', 'cluster');
  const add = (code: PolicyProblem['code'], reason: string): void =>
    void problems.push({ path: `${path}.causalScope`, code, reason });
  const isKnown = value === 'cluster' || value === 'unit';
  if (!isKnown) add('invalid', 'must be cluster or unit');
  else if (fields['causalScope'] !== undefined && consistency !== 'causal')
    add(
      'contradiction',
      'says among which entries causal order holds, and consistency is not causal',
    );
  return isKnown ? value : 'cluster';
}

function quorumField(
  fields: Fields,
  name: 'w' | 'r',
  members: readonly Member[],
  self: Member,
  path: string,
  problems: PolicyProblem[],
): { readonly spec: QuorumSpec; readonly requirement: Requirement } | undefined {
  const value = given(fields, name, 1);
  const spec =
    typeof value === 'number' || typeof value === 'string' ? parseQuorum(String(value)) : undefined;
  const requirement = spec === undefined ? undefined : requirementOf(spec, members, self);
  if (spec !== undefined && requirement !== undefined) return { spec, requirement };
  const reason = `must be 1 to ${members.length}, majority, all, local or each`;
  problems.push({ path: `${path}.${name}`, code: 'invalid', reason });
  return undefined;
}

/**
 * The member as written, even if it is `null`: a value that was omitted by mistake is not a
 * default.
 */
function given(fields: Fields, name: string, otherwise: unknown): unknown {
  return fields[name] === undefined ? otherwise : fields[name];
}

function isTimeout(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= TIMEOUT_MS_MAX;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuse(problems: readonly PolicyProblem[]): Compilation {
  return { ok: false, problems };
}
