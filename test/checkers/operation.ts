// What clients saw: a history is a list of operations, one line of JSON each, in the order in which
// they ended. It is written where no fault reaches it, and checkers are pure functions of it, so
// the same checkers judge real processes and simulated ones.
//
// `ok` has three values: true, it happened; false, it did not and will not happen (a definite
// refusal); null, unknown: a timeout, a broken connection, a reply that says so. After a null the
// client continues as a new process, because an operation of the old one may still be running.
//
// Times are whole nanoseconds on one monotonic clock that begins with the run.

export type Level = 'strict' | 'sequential' | 'causal' | 'fifo' | 'eventual';
export type Outcome = true | false | null;

interface Call {
  /**
   * Counts from 1; a process runs one operation after the other, and only the outcome of the last
   * may be unknown.
   */
  readonly process: number;
  /** The client: a session continues across its processes. */
  readonly session: string;
  /** The replica that answered; it was also asked, unless `asked` names another one. */
  readonly node: string;
  /** The replica that was asked, if `node` answered in its place. */
  readonly asked?: string;
  readonly ns: string;
  readonly level: Level;
  /** The key, or the prefix of a scan. */
  readonly key: string;
  readonly call_ns: number;
  readonly return_ns: number;
  readonly ok: Outcome;
  /** The version in the reply: a dot, such as `eu-1.7.1042`. */
  readonly ver: string | null;
  /**
   * The hybrid logical time of the version in the reply, as a string of fixed width: times and
   * strings have the same order.
   */
  readonly hlc?: string;
  /** The timeout of the request; absent if its replica was down or paused meanwhile. */
  readonly timeout_ns?: number;
  /**
   * The replica reported that it has heard no majority since its start: its disk may be an old
   * copy.
   */
  readonly alone?: true;
  /** Why `ok` is not true, for people: `503 no-quorum`, `broken`, `timeout`. */
  readonly reason?: string;
}

/** Values are unique in the whole history, except among attempts under one idempotency key. */
export interface Write extends Call {
  readonly type: 'put' | 'delete';
  readonly value: string | null;
  readonly result: null;
  /** The requested number of copies. */
  readonly w?: number;
  /** Attempts with the same key are one write. */
  readonly idem?: string;
  /** The newer version that is shown instead, according to the reply. */
  readonly supersededBy?: string;
  /** The atomic batch that contains it. */
  readonly run?: string;
  /** For a delete: it removes this version and older ones only. */
  readonly removes?: string;
  /** The write was to happen only if this was the value; null: if there was none. */
  readonly expected?: string | null;
}

export interface Read extends Call {
  readonly type: 'get';
  readonly value: null;
  /** null: there is no value. */
  readonly result: string | null;
  /** The number of replicas that were asked; 1 if absent. */
  readonly r?: number;
  /** A read at the end: faults are healed and the writers have stopped. */
  readonly final?: true;
}

export interface Item {
  readonly key: string;
  /** '' in a list of keys without values. */
  readonly value: string;
  readonly ver: string;
  readonly hlc?: string;
}

/**
 * If `reverse`, items come from the largest key down. A truncated scan saw nothing beyond its last
 * item.
 */
export interface Scan extends Call {
  readonly type: 'list';
  readonly value: null;
  readonly result: readonly Item[];
  readonly reverse: boolean;
  readonly more: boolean;
  /** The scan continues after this key; '' for the beginning. */
  readonly after: string;
  /** The cursor of the next page, if it is not the last item: no key between the two is shown. */
  readonly cursor?: string;
  /** The number of replicas that were compared; 1 if absent. */
  readonly r?: number;
  readonly final?: true;
}

/** A fault: `value` names it, `node` is its target. The process is 0. */
export interface Fault extends Call {
  readonly type: 'fault';
  readonly value: FaultName;
  /** Evidence that it took effect, such as `signal SIGKILL`. */
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

/** The members of an object are always written in the same order. */
export function formatOperation(operation: Operation): string {
  const rest = Object.keys(operation).filter((name) => !MEMBERS.includes(name));
  return JSON.stringify(operation, [...MEMBERS, ...rest, ...ITEM_MEMBERS]);
}

const ITEM_MEMBERS = ['key', 'value', 'ver', 'hlc'];

/** Reads a history file. A last line that was cut off when its writer ended is omitted. */
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
