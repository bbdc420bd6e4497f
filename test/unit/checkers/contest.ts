// Legal histories of a few keys that all clients overwrite and delete: three replicas whose clocks
// differ, logs that are delivered in order at random times, and last-write-wins. A replica that is
// killed may forget what it learned from others, but not a delete that it had shown to have won.

import type { Prng } from '../../../src/base/prng.ts';
import type { Item, Operation, Outcome, Read, Scan, Write } from '../../checkers/operation.ts';

export const NODES = ['ap-1', 'eu-1', 'us-1'] as const;
const KEYS = ['k0', 'k1', 'k2'] as const;
export const CUT = { nodes: NODES.length, namespaces: ['demo'] };

/** How often replies name the time of their version. */
export type Times = 'always' | 'sometimes' | 'never';

interface Entry {
  readonly key: string;
  readonly value: string | null;
  readonly hlc: number;
  readonly node: number;
  readonly seq: number;
}

interface Client {
  readonly session: string;
  process: number;
  freeNs: number;
}

export function contest(prng: Prng, times: Times = 'always', steps = 70): Operation[] {
  return new Model(prng, times).run(steps);
}

class Model {
  readonly #prng: Prng;
  readonly #times: Times;
  readonly #history: Operation[] = [];
  readonly #logs: Entry[][] = [[], [], []];
  /** [reader][origin]: up to where the reader holds the origin's log, and up to where durably. */
  readonly #cursors = NODES.map(() => [0, 0, 0]);
  readonly #floors = NODES.map(() => [0, 0, 0]);
  readonly #clocks: number[] = [0, 0, 0];
  readonly #ahead: readonly number[];
  readonly #namesDeletes: boolean;
  readonly #late: (() => void)[] = [];
  readonly #clients: Client[];
  #values = 0;
  #processes = 0;
  #nowNs = 1000;

  constructor(prng: Prng, times: Times) {
    this.#prng = prng;
    this.#times = times;
    this.#ahead = NODES.map(() => prng.below(8));
    this.#namesDeletes = prng.chance(0.5);
    this.#clients = [0, 1, 2, 3].map((at) => ({
      session: `s${at}`,
      process: ++this.#processes,
      freeNs: 0,
    }));
  }

  run(steps: number): Operation[] {
    for (let step = 0; step < steps; step++) this.#step();
    this.#nowNs += 100_000;
    for (const reader of NODES.keys()) this.#deliverAll(reader);
    for (const node of NODES.keys()) this.#finalReads(node);
    return this.#history.toSorted((left, right) => left.return_ns - right.return_ns);
  }

  #step(): void {
    const prng = this.#prng;
    this.#nowNs += prng.below(1500);
    if (prng.chance(0.4)) this.#deliver(prng.below(3), prng.below(3), 1 + prng.below(3));
    if (prng.chance(0.04)) this.#kill(prng.below(3));
    if (prng.chance(0.3)) this.#late.shift()?.();
    const client = this.#clients[prng.below(this.#clients.length)] as Client;
    if (client.freeNs >= this.#nowNs) return;
    const die = prng.below(10);
    if (die < 3) this.#write(client, `v${this.#values++}`);
    else if (die < 5) this.#write(client, null);
    else if (die < 9) this.#get(client, prng.below(3), KEYS[prng.below(3)] ?? '');
    else this.#scan(client, prng.below(3), false);
  }

  #write(client: Client, value: string | null): void {
    const prng = this.#prng;
    const node = prng.below(3);
    const key = KEYS[prng.below(KEYS.length)] ?? '';
    const die = prng.below(10);
    const ok: Outcome = die < 7 ? true : die < 8 ? false : null;
    let entry: Entry | undefined;
    if (ok === true || (ok === null && prng.chance(0.4))) entry = this.#apply(node, key, value);
    else if (ok === null && prng.chance(0.5)) this.#late.push(() => this.#apply(node, key, value));
    if (ok === true && prng.chance(0.3)) this.#deliverAll((node + 1) % 3);
    const isNamed = ok === true || prng.chance(0.3);
    const call = this.#call(client, node, key, ok, isNamed ? entry : undefined);
    const type = value === null ? 'delete' : 'put';
    const write: Write = { ...call, type, value, result: null, w: 1 };
    this.#add(client, write);
  }

  #get(client: Client, node: number, key: string, final?: true): void {
    const r = final === true || this.#prng.chance(0.8) ? 1 : 2;
    const others = r === 1 ? [] : [(node + 1 + this.#prng.below(2)) % 3];
    const entries = [node, ...others].flatMap((each) => this.#stateOf(each).get(key) ?? []);
    const entry = entries.toSorted(compare).at(-1);
    const isNamed = entry?.value !== null || this.#namesDeletes;
    const call = this.#call(client, node, key, true, isNamed ? entry : undefined);
    const result = entry?.value ?? null;
    const read: Read = { ...call, type: 'get', value: null, result, r };
    this.#add(client, final === undefined ? read : { ...read, final });
    if (r === 1 && result === null) this.#floors[node] = [...(this.#cursors[node] ?? [])];
  }

  #scan(client: Client, node: number, final: boolean): void {
    const entries = [...this.#stateOf(node).values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    const result = entries.flatMap(({ key, value, ...entry }): Item[] => {
      return value === null ? [] : [{ key, value, ver: nameOf(entry), ...this.#timeOf(entry) }];
    });
    const call = this.#call(client, node, '', true, undefined);
    const rest = { type: 'list', value: null, reverse: false, more: false, after: '' } as const;
    const scan: Scan = { ...call, ...rest, result };
    this.#add(client, final ? { ...scan, final } : scan);
  }

  #finalReads(node: number): void {
    const client = this.#clients[0] as Client;
    client.process = ++this.#processes;
    this.#settle(client);
    this.#scan(client, node, true);
    for (const key of KEYS) {
      this.#settle(client);
      this.#get(client, node, key, true);
    }
  }

  #apply(node: number, key: string, value: string | null): Entry {
    const log = this.#logs[node] as Entry[];
    const wall = Math.floor(this.#nowNs / 4000) + (this.#ahead[node] ?? 0);
    const hlc = Math.max((this.#clocks[node] ?? 0) + 1, wall);
    const entry = { key, value, hlc, node, seq: log.length + 1 };
    log.push(entry);
    this.#clocks[node] = hlc;
    return entry;
  }

  #deliver(origin: number, reader: number, count: number): void {
    const cursors = this.#cursors[reader] as number[];
    const log = this.#logs[origin] ?? [];
    cursors[origin] = Math.min((cursors[origin] ?? 0) + count, log.length);
    this.#witness(reader);
  }

  #deliverAll(reader: number): void {
    for (const origin of NODES.keys()) this.#deliver(origin, reader, Number.MAX_SAFE_INTEGER);
  }

  #witness(node: number): void {
    const times = this.#entriesOf(node).map(({ hlc }) => hlc);
    this.#clocks[node] = Math.max(this.#clocks[node] ?? 0, ...times);
  }

  #kill(node: number): void {
    const floors = this.#floors[node] ?? [];
    const cursors = this.#cursors[node] ?? [];
    this.#cursors[node] = cursors.map((cursor, origin) => {
      const floor = floors[origin] ?? 0;
      return floor + this.#prng.below(cursor - floor + 1);
    });
    this.#clocks[node] = 0;
    this.#witness(node);
    const at = {
      call_ns: this.#nowNs,
      return_ns: this.#nowNs,
      ok: true,
      result: 'done',
      ver: null,
    };
    const nowhere = { process: 0, session: '', ns: '', level: 'eventual', key: '' } as const;
    const target = { node: NODES[node] ?? '', type: 'fault', value: 'kill' } as const;
    this.#history.push({ ...nowhere, ...at, ...target });
  }

  #entriesOf(node: number): Entry[] {
    return this.#logs.flatMap((log, origin) =>
      log.slice(0, origin === node ? log.length : (this.#cursors[node]?.[origin] ?? 0)),
    );
  }

  #stateOf(node: number): Map<string, Entry> {
    const entries = this.#entriesOf(node).sort(compare);
    return new Map(entries.map((entry) => [entry.key, entry]));
  }

  #call(client: Client, node: number, key: string, ok: Outcome, entry: Entry | undefined) {
    const prng = this.#prng;
    const where = { node: NODES[node] ?? '', ns: 'demo', level: 'eventual', key } as const;
    return {
      process: client.process,
      session: client.session,
      ...where,
      call_ns: Math.max(client.freeNs, this.#nowNs - prng.below(3000)),
      return_ns: this.#nowNs + prng.below(3000),
      ok,
      ver: entry === undefined ? null : nameOf(entry),
      ...(entry === undefined ? {} : this.#timeOf(entry)),
    };
  }

  #timeOf({ hlc }: Pick<Entry, 'hlc'>): { readonly hlc?: string } {
    const isTold = this.#times === 'always' || (this.#times !== 'never' && this.#prng.chance(0.5));
    return isTold ? { hlc: String(hlc).padStart(6, '0') } : {};
  }

  #add(client: Client, operation: Operation): void {
    this.#history.push(operation);
    client.freeNs = operation.return_ns + 1;
    if (operation.ok === null) client.process = ++this.#processes;
  }

  #settle(client: Client): void {
    this.#nowNs = Math.max(this.#nowNs, client.freeNs) + 10_000;
  }
}

function compare(left: Entry, right: Entry): number {
  return left.hlc - right.hlc || left.node - right.node || left.seq - right.seq;
}

function nameOf({ node, seq }: Pick<Entry, 'node' | 'seq'>): string {
  return `${NODES[node]}.1.${seq}`;
}
