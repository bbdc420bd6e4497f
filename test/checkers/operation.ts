// What clients saw: a history is a list of operations, one JSON line each, in the order in which they ended. It is
// written outside of every fault, and checkers are pure functions over it, so the same ones judge real processes and
// simulated ones.
//
// `ok` has three values: true, it happened; false, it did not and will not (a definite refusal); null, nobody knows:
// a time-out, a broken connection, a reply that says so. After a null the client goes on as a new process, because
// an operation of the old one may still be under way.
//
// Times are whole nanoseconds on one monotonic clock that begins with the run.

export type Level = 'strict' | 'sequential' | 'causal' | 'fifo' | 'eventual';
export type Outcome = true | false | null;

interface Call {
  /** Counts from 1; a process is a run of operations one after the other, of which only the last may be unknown. */
  readonly process: number;
  /** The client: a session goes on over its processes. */
  readonly session: string;
  /** The replica that answered, which is the one that was asked unless that is named beside. */
  readonly node: string;
  /** The replica that was asked and let `node` answer. */
  readonly asked?: string;
  readonly ns: string;
  readonly level: Level;
  /** The key, or the prefix of a scan. */
  readonly key: string;
  readonly call_ns: number;
  readonly return_ns: number;
  readonly ok: Outcome;
  /** The version that the reply named: a dot, as `eu-1.7.1042`. */
  readonly ver: string | null;
  /** The hybrid logical time of the version that the reply named; its order is that of the strings, all of one width. */
  readonly hlc?: string;
  /** What the client allowed; left out where its replica was down or stood still meanwhile. */
  readonly timeout_ns?: number;
  /** The replica had heard no majority since its start, and said so: it serves what its disk holds, if that is an old copy. */
  readonly alone?: true;
  /** Why it is not true, for people: `503 no-quorum`, `broken`, `timeout`. */
  readonly reason?: string;
}

/** Values are unique over the whole history, but for attempts under one idempotency key. */
export interface Write extends Call {
  readonly type: 'put' | 'delete';
  readonly value: string | null;
  readonly result: null;
  /** Copies that were asked for. */
  readonly w?: number;
  /** Attempts with the same key are one write. */
  readonly idem?: string;
  /** The newer version that the reply said is shown in its place. */
  readonly supersededBy?: string;
  /** The atomic batch that it is of. */
  readonly run?: string;
  /** Of a delete: the one version that it means, and what is older. */
  readonly removes?: string;
  /** Only if this was the value; null: if there was none. */
  readonly expected?: string | null;
}

export interface Read extends Call {
  readonly type: 'get';
  readonly value: null;
  /** null: there is no value. */
  readonly result: string | null;
  /** Replicas that were asked for their answer; 1 when absent. */
  readonly r?: number;
  /** After the cut: faults are healed and the writers have stopped. */
  readonly final?: true;
}

export interface Item {
  readonly key: string;
  /** '' in a list of keys only. */
  readonly value: string;
  readonly ver: string;
  readonly hlc?: string;
}

/** Items come from the largest key down when `reverse`. A scan that was cut short saw nothing beyond its last item. */
export interface Scan extends Call {
  readonly type: 'list';
  readonly value: null;
  readonly result: readonly Item[];
  readonly reverse: boolean;
  readonly more: boolean;
  /** The key behind which it goes on, '' from the beginning. */
  readonly after: string;
  /** The cursor of the next page, where it is not the last item: nothing that is shown lies between. */
  readonly cursor?: string;
  /** Replicas that were compared; 1 when absent. */
  readonly r?: number;
  readonly final?: true;
}

/** What was done to the cluster: `value` names it, `node` is its target. Process 0. */
export interface Fault extends Call {
  readonly type: 'fault';
  readonly value: FaultName;
  /** That it took effect, as `signal SIGKILL`. */
  readonly result: string;
}

export type FaultName =
  | 'kill'
  | 'pause'
  | 'stop'
  | 'restart'
  | 'heal'
  | 'one-way'
  | 'hole'
  | 'reset'
  | 'slow'
  | 'jump';
export type Operation = Write | Read | Scan | Fault;
export type History = readonly Operation[];

const MEMBERS = [
  'process',
  'session',
  'node',
  'ns',
  'level',
  'key',
  'type',
  'value',
  'call_ns',
  'return_ns',
  'ok',
  'result',
  'ver',
];
const TYPES: ReadonlySet<unknown> = new Set(['put', 'delete', 'get', 'list', 'fault']);

/** Members always stand in the same order. */
export function formatOperation(operation: Operation): string {
  const rest = Object.keys(operation).filter((name) => !MEMBERS.includes(name));
  return JSON.stringify(operation, [...MEMBERS, ...rest, ...ITEM_MEMBERS]);
}

const ITEM_MEMBERS = ['key', 'value', 'ver', 'hlc'];

/** Reads a history file. A last line that was cut off by the end of the writer is left out. */
export function parseHistory(text: string): Operation[] {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.filter((line) => line !== '').map(parseOperation);
}

function parseOperation(line: string): Operation {
  const operation = JSON.parse(line) as Operation;
  const missing = MEMBERS.find((name) => !Object.hasOwn(operation, name));
  if (missing !== undefined) throw new Error(`a line of the history has no ${missing}: ${line}`);
  if (!TYPES.has(operation.type)) throw new Error(`no such operation: ${line}`);
  return operation;
}

export function isWrite(operation: Operation): operation is Write {
  return operation.type === 'put' || operation.type === 'delete';
}
