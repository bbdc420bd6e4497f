// Linearizable histories from a model register: operations overlap, and each takes effect at one
// moment between its call and its return. An operation whose outcome the client does not know takes
// effect at any moment after its call, or never.

import type { Prng } from '../../../src/base/prng.ts';
import type { Operation, Outcome, Read, Write } from '../../checkers/operation.ts';

const NODES = ['eu-1', 'us-1', 'ap-1'];
const KEYS = ['a', 'b'];
/** So short that calls and returns may fall into the same moment. */
const STEP_NS = 12;
const SHARES = { get: 0.45, delete: 0.12, expected: 0.3, unknown: 0.08, refused: 0.05, lost: 0.5 };

/** An operation before it has taken effect, and the time at which it does; Infinity: never. */
interface Intent {
  readonly operation: Operation;
  readonly pointNs: number;
}

export function atomicHistory(prng: Prng, operations = 40): Operation[] {
  const intents = intentsOf(prng, operations).sort((a, b) => a.pointNs - b.pointNs);
  const values = new Map<string, string>();
  const known = new Map<string, (string | null)[]>();
  const history = intents.map(({ operation, pointNs }) => {
    const { key } = operation;
    if (operation.type === 'get') return { ...operation, result: values.get(key) ?? null };
    if (operation.type === 'list' || operation.type === 'fault') return operation;
    const expected = guess(prng, operation, known.get(key) ?? [null]);
    if (pointNs === Number.POSITIVE_INFINITY) return { ...operation, ...expected };
    const isMet =
      expected.expected === undefined || expected.expected === (values.get(key) ?? null);
    if (!isMet) return { ...operation, ...expected, ok: operation.ok === null ? null : false };
    if (operation.value === null) values.delete(key);
    else values.set(key, operation.value);
    known.set(key, [...(known.get(key) ?? [null]), operation.value]);
    return { ...operation, ...expected };
  });
  return history.sort((a, b) => a.return_ns - b.return_ns);
}

// Mostly the present value, so that some conditions hold.
function guess(prng: Prng, { value }: Write, known: readonly (string | null)[]) {
  if (value === null || !prng.chance(SHARES.expected)) return {};
  const back = prng.chance(0.7) ? 1 : 1 + prng.below(known.length);
  return { expected: known.at(-back) ?? null };
}

function intentsOf(prng: Prng, operations: number): Intent[] {
  const freeNs = Array.from({ length: 2 + prng.below(4) }, () => prng.below(STEP_NS));
  const processes = freeNs.map((_, at) => at + 1);
  const intents: Intent[] = [];
  for (let at = 0; at < operations; at++) {
    const client = prng.below(freeNs.length);
    const call_ns = (freeNs[client] ?? 0) + prng.below(STEP_NS);
    const return_ns = call_ns + prng.below(3 * STEP_NS);
    const ok = fate(prng);
    const base = { session: `s${client}`, process: processes[client] ?? 0, call_ns, return_ns, ok };
    intents.push(intentOf(prng, { ...base, value: `v${at}` }));
    freeNs[client] = return_ns + 1;
    if (ok === null) processes[client] = Math.max(...processes) + 1;
  }
  return intents;
}

function fate(prng: Prng): Outcome {
  const die = prng.next();
  if (die < SHARES.unknown) return null;
  return die >= SHARES.unknown + SHARES.refused;
}

interface Base {
  readonly session: string;
  readonly process: number;
  readonly call_ns: number;
  readonly return_ns: number;
  readonly ok: Outcome;
  readonly value: string;
}

function intentOf(prng: Prng, base: Base): Intent {
  const { call_ns, return_ns, ok } = base;
  const node = NODES[prng.below(NODES.length)] ?? '';
  const key = KEYS[prng.below(KEYS.length)] ?? '';
  const where = { ...base, node, ns: 'bank', level: 'strict', key, ver: null } as const;
  if (prng.chance(SHARES.get)) {
    const read: Read = { ...where, ok: true, type: 'get', value: null, result: null };
    return { operation: read, pointNs: call_ns + prng.below(return_ns - call_ns + 1) };
  }
  const isDelete = prng.chance(SHARES.delete);
  const rest = isDelete ? ({ type: 'delete', value: null } as const) : ({ type: 'put' } as const);
  const operation: Write = { ...where, ...rest, result: null };
  const within = call_ns + prng.below(return_ns - call_ns + 1);
  const late = call_ns + prng.below(20 * STEP_NS);
  if (ok === true) return { operation, pointNs: within };
  const isLost = ok === false || prng.chance(SHARES.lost);
  return { operation, pointNs: isLost ? Number.POSITIVE_INFINITY : late };
}
