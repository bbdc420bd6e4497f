// Causal order with convergence (Bouajjani, Enea, Guerraoui and Hamza, "On Verifying Causal
// Consistency", POPL 2017), for clients that send a token with every request, to any replica, one
// request after the other. The past of an operation is what its session has written and read
// before, with the past of each write that it has read.
//
//   thin-air   a read showed a value that no client has written
//   missing    a read, or one list, showed a write together with an older version of another key
//              than the past of the write holds (WriteCORead), or without that key although no
//              delete can hide it (WriteCOInitRead)
//   cyclic     a write got a smaller version than a write of the same key in its past (CyclicCF):
//              the replicas then agree on an order of the two that contradicts their causes
//
// A list is also judged by itself, whatever its client has seen: its items were visible together at
// one replica. Order holds within a scope, so versions of another scope in the past are ignored.

import { goesBack, mayHide } from './going-back.ts';
import {
  type History,
  isWrite,
  type Item,
  type Operation,
  type Read,
  type Scan,
  type Write,
} from './operation.ts';
import { Register } from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';
import { type Version, Versions } from './version.ts';

const LOST = 'history-lost';

export interface CausalDemand extends Demand {
  /** The scope of a key; undefined: its namespace has no causal order. */
  readonly scopeOf: (ns: string, key: string) => string | undefined;
  /** Clients that send no token, so each of their requests begins a session. */
  readonly withoutToken: readonly string[];
  /** The least number of reads of a key of which the past holds a version. */
  readonly checked: number;
}

interface CausalStats {
  readonly checked: number;
}

interface Known {
  readonly ns: string;
  readonly key: string;
  readonly scope: string;
  readonly version: Version;
}

/** The newest version of each key, by namespace and key. */
type Past = Map<string, Known>;

interface Event {
  readonly atNs: number;
  readonly run: () => void;
}

export function causal(history: History, demand: CausalDemand): Verdict<CausalStats> {
  const judge = new Judge(history, demand);
  judge.run();
  const { checked, anomalies } = judge;
  const few = checked < demand.checked ? `only ${checked} of ${demand.checked} looks` : undefined;
  return anomalies.verdict({ checked }, shortfallOf(history, demand) ?? few);
}

class Judge {
  readonly anomalies = new Anomalies();
  checked = 0;
  readonly #history: History;
  readonly #scopeOf: CausalDemand['scopeOf'];
  readonly #withoutToken: readonly string[];
  readonly #versions: Versions;
  readonly #register: Register;
  readonly #sessions = new Map<string, Past>();
  readonly #writes: ReadonlyMap<string, Write>;
  /** The past of each write when it was sent. */
  readonly #pasts = new Map<Write, Past>();

  constructor(history: History, { scopeOf, withoutToken }: CausalDemand) {
    this.#history = history;
    this.#withoutToken = withoutToken;
    this.#scopeOf = scopeOf;
    this.#versions = new Versions(history);
    this.#register = new Register(history);
    const puts = history.filter(isWrite).filter(({ value }) => value !== null);
    this.#writes = new Map(puts.map((put) => [`${put.ns}\0${put.value}`, put]));
  }

  /**
   * The past of a write is fixed when the write is sent; a reply adds to the session when it
   * arrives.
   */
  run(): void {
    const events: Event[] = [];
    for (const operation of this.#history) {
      if (operation.type === 'fault' || 'final' in operation) continue;
      if (this.#isForeign(operation)) continue;
      if (isWrite(operation))
        events.push({ atNs: operation.call_ns, run: () => this.#onAsked(operation) });
      events.push({ atNs: operation.return_ns, run: () => this.#onReply(operation) });
    }
    for (const { run } of events.toSorted((left, right) => left.atNs - right.atNs)) run();
  }

  #isForeign({ ns, key }: Operation): boolean {
    return this.#scopeOf(ns, key) === undefined;
  }

  #onAsked(write: Write): void {
    this.#pasts.set(write, new Map(this.#past(write)));
  }

  #onReply(operation: Operation): void {
    if (operation.reason === LOST) this.#sessions.delete(operation.session);
    if (operation.ok !== true) return;
    if (isWrite(operation)) this.#onWritten(operation);
    else if (operation.type === 'get') this.#onRead(operation);
    else if (operation.type === 'list') this.#onListed(operation);
  }

  #onWritten(write: Write): void {
    if (write.ver === null) return;
    const { ns, key, ver } = write;
    const before = this.#pasts.get(write)?.get(nameOf(ns, key));
    const version = this.#versions.of(ver);
    if (before !== undefined && goesBack(before.version, version))
      this.anomalies.add('cyclic', `${ns}/${key}: ${ver} after ${before.version.ver}`, [write]);
    this.#note(this.#past(write), ns, key, version);
  }

  #onRead(read: Read): void {
    const past = this.#past(read);
    this.#judge(read, read.ns, read.key, read.ver, past);
    if (read.ver !== null) this.#learn(past, read, read.key, read.ver, read.result);
  }

  #onListed(scan: Scan): void {
    const past = this.#past(scan);
    const isWhole = !scan.more && scan.after === '' && scan.key === '';
    const seen: Past = new Map();
    for (const { key, ver, value } of scan.result) this.#learn(seen, scan, key, ver, value);
    for (const known of [past, seen]) this.#judgeList(scan, known, isWhole);
    for (const { key, ver, value } of scan.result) this.#learn(past, scan, key, ver, value);
  }

  #judgeList(scan: Scan, past: Past, isWhole: boolean): void {
    const shown = new Map<string, Item>(scan.result.map((item) => [item.key, item]));
    for (const { ns, key } of past.values()) {
      if (ns !== scan.ns) continue;
      const item = shown.get(key);
      if (item !== undefined || isWhole) this.#judge(scan, ns, key, item?.ver ?? null, past);
    }
  }

  /** Compares what was shown of a key with what the past holds of it. */
  #judge(read: Read | Scan, ns: string, key: string, ver: string | null, past: Past): void {
    const known = past.get(nameOf(ns, key));
    if (known === undefined) return;
    this.checked++;
    const isOld =
      ver === null
        ? !this.#register
            .ofKey(ns, key)
            .some((effect) => mayHide(effect, known.version, read, this.#versions))
        : goesBack(known.version, this.#versions.of(ver));
    if (!isOld) return;
    const what = `${ns}/${key} showed ${ver ?? 'nothing'}, and ${known.version.ver} is in its past`;
    this.anomalies.add('missing', what, [read]);
  }

  /** A version was shown: from now on the session knows it, and the past of its write. */
  #learn(past: Past, read: Read | Scan, key: string, ver: string, value: string | null): void {
    this.#note(past, read.ns, key, this.#versions.of(ver));
    if (value === null || value === '') return;
    const write = this.#writes.get(`${read.ns}\0${value}`);
    if (write === undefined) {
      this.anomalies.add('thin-air', `${read.ns}/${key} showed ${value}`, [read]);
      return;
    }
    const scope = this.#scopeOf(read.ns, key);
    for (const known of this.#pasts.get(write)?.values() ?? [])
      if (known.scope === scope) this.#note(past, known.ns, known.key, known.version);
  }

  #note(past: Past, ns: string, key: string, version: Version): void {
    const scope = this.#scopeOf(ns, key);
    if (scope === undefined) return;
    const name = nameOf(ns, key);
    const before = past.get(name);
    if (before === undefined || !goesBack(before.version, version))
      past.set(name, { ns, key, scope, version });
  }

  #past({ session }: Operation): Past {
    if (this.#withoutToken.includes(session)) return new Map();
    const past = this.#sessions.get(session) ?? new Map<string, Known>();
    this.#sessions.set(session, past);
    return past;
  }
}

function nameOf(ns: string, key: string): string {
  return `${ns}\0${key}`;
}
