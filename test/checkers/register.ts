// The writes of a history by key and by value, and the final state of every replica: most checkers
// use this index. Attempts under one idempotency key are one write.

import {
  type History,
  isWrite,
  type Item,
  type Outcome,
  type Scan,
  type Write,
} from './operation.ts';

/** One write: a single attempt, or all attempts under one idempotency key. */
export interface Effect {
  readonly ns: string;
  readonly key: string;
  readonly type: 'put' | 'delete';
  readonly value: string | null;
  readonly attempts: readonly Write[];
  /** true if any attempt was acknowledged, false if all were refused, otherwise null. */
  readonly ok: Outcome;
}

export class Register {
  readonly #byKey = new Map<string, Effect[]>();
  readonly #byValue = new Map<string, Effect>();

  constructor(history: History) {
    for (const effect of effectsOf(history)) {
      const name = nameOf(effect.ns, effect.key);
      const others = this.#byKey.get(name);
      if (others === undefined) this.#byKey.set(name, [effect]);
      else others.push(effect);
      if (effect.value !== null) this.#byValue.set(nameOf(effect.ns, effect.value), effect);
    }
  }

  /** Every key that a client tried to write, with the writes to it. */
  keys(): Iterable<readonly Effect[]> {
    return this.#byKey.values();
  }

  ofKey(ns: string, key: string): readonly Effect[] {
    return this.#byKey.get(nameOf(ns, key)) ?? [];
  }

  ofValue(ns: string, value: string): Effect | undefined {
    return this.#byValue.get(nameOf(ns, value));
  }
}

/** The contents of one replica in one namespace at the end. */
export interface FinalState {
  readonly ns: string;
  readonly node: string;
  readonly items: ReadonlyMap<string, Item>;
  readonly scans: readonly Scan[];
  /** True if its scans reached the end. */
  readonly isComplete: boolean;
}

export function finalStatesOf(history: History): FinalState[] {
  const scans = new Map<string, Scan[]>();
  for (const operation of history) {
    if (operation.type !== 'list' || operation.final !== true || operation.ok !== true) continue;
    const name = nameOf(operation.ns, operation.node);
    const others = scans.get(name);
    if (others === undefined) scans.set(name, [operation]);
    else others.push(operation);
  }
  return [...scans.values()].map(finalState);
}

function finalState(scans: readonly Scan[]): FinalState {
  const { ns, node } = scans[0] as Scan;
  const items = new Map<string, Item>();
  for (const scan of scans) for (const item of scan.result) items.set(item.key, item);
  return { ns, node, items, scans, isComplete: isWhole(scans) };
}

// All pages from the beginning to the end, without a gap.
function isWhole(scans: readonly Scan[]): boolean {
  let after = '';
  return scans.every((scan, at) => {
    const follows = scan.key === '' && !scan.reverse && scan.after === after;
    after = scan.result.at(-1)?.key ?? after;
    return follows && scan.more === at < scans.length - 1;
  });
}

/**
 * Why the final states prove too little: they are missing, cover fewer replicas than existed, or
 * have a truncated scan.
 */
export function finalShortfall(
  states: readonly FinalState[],
  nodes: number,
  namespaces: readonly string[],
): string | undefined {
  for (const ns of namespaces) {
    const whole = states.filter((state) => state.ns === ns && state.isComplete);
    if (whole.length < nodes) return `${ns}: the final state of ${whole.length} of ${nodes} nodes`;
  }
  return undefined;
}

/** The page that shows the key, or the one that would. */
export function witness({ scans }: FinalState, key: string): Scan | undefined {
  const page = scans.find(({ result, more }) => !more || (result.at(-1)?.key ?? '') >= key);
  if (page === undefined) return undefined;
  return { ...page, result: page.result.filter((item) => item.key === key) };
}

function effectsOf(history: History): Effect[] {
  const attempts = new Map<string, Write[]>();
  let alone = 0;
  for (const operation of history) {
    if (!isWrite(operation)) continue;
    const { idem } = operation;
    const name = idem === undefined ? `${alone++}` : `${operation.ns} ${idem}`;
    const others = attempts.get(name);
    if (others === undefined) attempts.set(name, [operation]);
    else others.push(operation);
  }
  return [...attempts.values()].map(effectOf);
}

function effectOf(attempts: readonly Write[]): Effect {
  const { ns, key, type, value } = attempts[0] as Write;
  return { ns, key, type, value, attempts, ok: outcomeOf(attempts) };
}

function outcomeOf(attempts: readonly Write[]): Outcome {
  if (attempts.some(({ ok }) => ok === true)) return true;
  return attempts.every(({ ok }) => ok === false) ? false : null;
}

function nameOf(ns: string, name: string): string {
  return `${ns}\0${name}`;
}
