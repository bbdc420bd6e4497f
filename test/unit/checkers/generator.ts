// Legal histories from a model cluster: three replicas with logs that are delivered in order at
// random times, last-write-wins, and clients whose operations overlap. The model does only what the
// promises allow, so every checker must accept its histories.

import type { Prng } from '../../../src/base/prng.ts';
import type {
  Item,
  Level,
  Operation,
  Outcome,
  Read,
  Scan,
  Write,
} from '../../checkers/operation.ts';

export const NODES = ['eu-1', 'us-1', 'ap-1'] as const;
export const NAMESPACES = ['demo', 'sensors'] as const;

interface Entry extends Item {
  readonly ns: string;
  readonly stamp: number;
}

interface Client {
  readonly session: string;
  readonly ns: 'demo' | 'sensors';
  readonly home: number;
  process: number;
  freeNs: number;
  puts: number;
  retry: Write | undefined;
}

const LEVELS: Readonly<Record<Client['ns'], Level>> = { demo: 'eventual', sensors: 'fifo' };
const PAGE_ITEMS = 4;

export function generate(prng: Prng, steps = 80): Operation[] {
  return new Model(prng).run(steps);
}

class Model {
  readonly #prng: Prng;
  readonly #history: Operation[] = [];
  readonly #logs: Entry[][] = [[], [], []];
  /** [reader][origin]: up to where the reader shows the origin's log. */
  readonly #cursors = [0, 1, 2].map(() => [0, 0, 0]);
  readonly #clients: Client[];
  #processes = 0;
  #stamp = 0;
  #nowNs = 1000;

  constructor(prng: Prng) {
    this.#prng = prng;
    this.#clients = [0, 1, 2, 3, 4].map((at) => ({
      session: `s${at}`,
      ns: at < 2 ? 'sensors' : 'demo',
      home: at % 3,
      process: ++this.#processes,
      freeNs: 0,
      puts: 0,
      retry: undefined,
    }));
  }

  run(steps: number): Operation[] {
    for (let step = 0; step < steps; step++) this.#step();
    this.#fault('heal', '');
    for (const client of this.#clients) {
      this.#settle(client);
      this.#put(client, 'acked');
      this.#settle(client);
      this.#get(client);
    }
    this.#nowNs += 100_000;
    for (let reader = 0; reader < 3; reader++) this.#deliverAll(reader);
    for (let node = 0; node < 3; node++) this.#finalReads(node);
    return this.#history.toSorted((a, b) => a.return_ns - b.return_ns);
  }

  #step(): void {
    const prng = this.#prng;
    this.#nowNs += 1000;
    if (prng.chance(0.4)) this.#deliver(prng.below(3), prng.below(3), 1 + prng.below(3));
    if (prng.chance(0.03)) this.#fault('kill', NODES[prng.below(3)] ?? '');
    const client = this.#clients[prng.below(this.#clients.length)] as Client;
    if (client.freeNs >= this.#nowNs - 500) return;
    const die = prng.below(10);
    if (client.retry !== undefined) this.#tryAgain(client, client.retry);
    else if (die < 5) this.#put(client, this.#fate());
    else if (die < 8) this.#get(client);
    else this.#scan(client);
  }

  #fate(): 'acked' | 'refused' | 'unknown' {
    const die = this.#prng.below(10);
    if (die < 7) return 'acked';
    return die < 8 ? 'refused' : 'unknown';
  }

  #put(client: Client, fate: 'acked' | 'refused' | 'unknown'): void {
    const prng = this.#prng;
    const isShared = client.ns === 'demo' && prng.chance(0.2);
    const count = String(client.puts++).padStart(4, '0');
    const node = client.ns === 'sensors' ? client.home : prng.below(3);
    const key = isShared ? `r/${prng.below(2)}` : `${client.session}/${count}`;
    const value = `${client.session}-${count}`;
    const w = 1 + prng.below(2);
    const idem = client.ns === 'demo' && !isShared && prng.chance(0.3) ? { idem: value } : {};
    const isApplied = fate === 'acked' || (fate === 'unknown' && prng.chance(0.5));
    const entry = isApplied ? this.#apply(node, client.ns, key, value) : undefined;
    if (fate === 'acked')
      for (let more = 1; more < w; more++) this.#deliverAll(node, (node + more) % 3);
    const ok = fate === 'acked' ? true : fate === 'refused' ? false : null;
    const ver = ok === true ? (entry?.ver ?? null) : null;
    const put: Write = {
      ...this.#call(client, node, key, ok, ver),
      type: 'put',
      value,
      result: null,
      w,
      ...idem,
    };
    this.#add(client, put);
    if (ok === null && put.idem !== undefined) client.retry = put;
  }

  /** The retry is answered with the earlier write, if the replica has it; otherwise it writes. */
  #tryAgain(client: Client, { key, value, idem, w = 1 }: Write): void {
    const node = this.#prng.below(3);
    for (let origin = 0; origin < 3; origin++) this.#deliverAll(origin, node);
    const known = this.#logs.flat().find((entry) => entry.ns === client.ns && entry.key === key);
    const entry = known ?? this.#apply(node, client.ns, key, value ?? '');
    for (let more = 0; more < w; more++) {
      for (let origin = 0; origin < 3; origin++) this.#deliverAll(origin, (node + more) % 3);
    }
    const call = this.#call(client, node, key, true, entry.ver);
    client.retry = undefined;
    this.#add(client, {
      ...call,
      type: 'put',
      value,
      result: null,
      w,
      ...(idem === undefined ? {} : { idem }),
    });
  }

  #get(client: Client): void {
    const prng = this.#prng;
    const node = prng.below(3);
    const r = 1 + prng.below(2);
    const key = this.#someKey(client.ns);
    const other = (node + 1 + prng.below(2)) % 3;
    const states = r === 1 ? [this.#stateOf(node)] : [this.#stateOf(node), this.#stateOf(other)];
    const entries = states.flatMap((state) => state.get(`${client.ns} ${key}`) ?? []);
    const entry = entries.toSorted((a, b) => b.stamp - a.stamp)[0];
    this.#add(client, this.#read(client, node, key, r, entry));
  }

  #scan(client: Client): void {
    const node = this.#prng.below(3);
    const of = this.#clients[this.#prng.below(this.#clients.length)] as Client;
    const prefix = `${of.session}/`;
    const items = this.#itemsOf(node, of.ns, prefix).toReversed();
    const scan: Scan = {
      ...this.#call({ ...client, ns: of.ns }, node, prefix, true, null),
      type: 'list',
      value: null,
      result: items.slice(0, PAGE_ITEMS),
      reverse: true,
      more: items.length > PAGE_ITEMS,
      after: '',
    };
    this.#add(client, scan);
  }

  #finalReads(node: number): void {
    const client = this.#clients[0] as Client;
    for (const ns of NAMESPACES) {
      const items = this.#itemsOf(node, ns, '');
      for (let at = 0; at === 0 || at < items.length; at += PAGE_ITEMS) {
        this.#finalPage({ ...client, ns }, node, items, at);
        client.freeNs = this.#nowNs;
      }
      for (let i = 0; i < 3; i++) this.#finalGet({ ...client, ns }, node);
      client.freeNs = this.#nowNs;
    }
  }

  #finalPage(client: Client, node: number, items: readonly Item[], at: number): void {
    this.#settle(client);
    this.#history.push({
      ...this.#call(client, node, '', true, null),
      type: 'list',
      value: null,
      result: items.slice(at, at + PAGE_ITEMS),
      reverse: false,
      more: at + PAGE_ITEMS < items.length,
      after: items[at - 1]?.key ?? '',
      final: true,
    });
    this.#nowNs += 10_000;
  }

  #finalGet(client: Client, node: number): void {
    const key = this.#someKey(client.ns);
    const entry = this.#stateOf(node).get(`${client.ns} ${key}`);
    this.#settle(client);
    this.#history.push({ ...this.#read(client, node, key, 1, entry), final: true });
    this.#nowNs += 10_000;
  }

  #read(client: Client, node: number, key: string, r: number, entry: Entry | undefined): Read {
    const call = this.#call(client, node, key, true, entry?.ver ?? null);
    return { ...call, type: 'get', value: null, result: entry?.value ?? null, r };
  }

  #someKey(ns: string): string {
    const prng = this.#prng;
    const keys = this.#history.flatMap((operation) =>
      operation.type === 'put' && operation.ns === ns ? [operation.key] : [],
    );
    return keys[prng.below(Math.max(1, keys.length))] ?? 's9/none';
  }

  #apply(node: number, ns: string, key: string, value: string): Entry {
    const log = this.#logs[node] as Entry[];
    const ver = `${NODES[node]}.1.${log.length + 1}`;
    const entry = { ns, key, value, ver, stamp: ++this.#stamp };
    log.push(entry);
    return entry;
  }

  #deliver(origin: number, reader: number, count: number): void {
    const cursors = this.#cursors[reader] as number[];
    const length = this.#logs[origin]?.length ?? 0;
    cursors[origin] = Math.min((cursors[origin] ?? 0) + count, length);
  }

  /** All writes of `origin`; in all members' logs if no reader is named. */
  #deliverAll(origin: number, reader?: number): void {
    for (const to of reader === undefined ? [0, 1, 2] : [reader]) {
      this.#deliver(origin, to, Number.MAX_SAFE_INTEGER);
    }
  }

  #stateOf(node: number): Map<string, Entry> {
    const state = new Map<string, Entry>();
    this.#logs.forEach((log, origin) => {
      const shown = origin === node ? log.length : (this.#cursors[node]?.[origin] ?? 0);
      for (const entry of log.slice(0, shown)) {
        const name = `${entry.ns} ${entry.key}`;
        if ((state.get(name)?.stamp ?? 0) < entry.stamp) state.set(name, entry);
      }
    });
    return state;
  }

  #itemsOf(node: number, ns: string, prefix: string): Item[] {
    const entries = [...this.#stateOf(node).values()];
    return entries
      .filter((entry) => entry.ns === ns && entry.key.startsWith(prefix))
      .map(({ key, value, ver }) => ({ key, value, ver }))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  }

  #call(client: Client, node: number, key: string, ok: Outcome, ver: string | null) {
    const prng = this.#prng;
    return {
      process: client.process,
      session: client.session,
      node: NODES[node] ?? '',
      ns: client.ns,
      level: LEVELS[client.ns],
      key,
      call_ns: Math.max(client.freeNs, this.#nowNs - prng.below(3000)),
      return_ns: this.#nowNs + prng.below(4000),
      ok,
      ver,
    };
  }

  #add(client: Client, operation: Operation): void {
    this.#history.push(operation);
    client.freeNs = operation.return_ns;
    if (operation.ok === null) client.process = ++this.#processes;
  }

  #settle(client: Client): void {
    this.#nowNs = Math.max(this.#nowNs + 1000, client.freeNs + 1000);
  }

  #fault(value: 'kill' | 'heal', node: string): void {
    const at = { call_ns: this.#nowNs, return_ns: this.#nowNs };
    const nowhere = { process: 0, session: '', ns: '', level: 'eventual', key: '' } as const;
    this.#history.push({
      ...nowhere,
      ...at,
      node,
      type: 'fault',
      value,
      ok: true,
      result: 'done',
      ver: null,
    });
  }
}
