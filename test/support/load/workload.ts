// The clients that load a cluster while replicas are killed. Every value is unique, and every key
// except the shared ones is written once, so each value that is read identifies its write.
//
//  majority  demo: keys of its own at any replica, w = 2
//  retrying  demo: the same under idempotency keys through one replica; unknown writes are retried,
//            and sometimes successful ones, too
//  fifo      sensors: keys that count up, through one replica, w = 1 or 2
//  sharing   profiles: a few keys that all of these clients overwrite and delete
//  reading   gets of recent writes, from one replica and from two, and scans of the keys of fifo
//            clients from the end

import { setTimeout as sleep } from 'node:timers/promises';
import type { Prng } from '../../../src/base/prng.ts';
import type { Recorder } from '../../checkers/recorder.ts';
import { LoadClient, type NamespaceUse, type Place } from './client.ts';

const DEMO: NamespaceUse = { ns: 'demo', level: 'eventual' };
const SENSORS: NamespaceUse = { ns: 'sensors', level: 'fifo' };
const PROFILES: NamespaceUse = { ns: 'profiles', level: 'eventual' };

/** The namespaces that the workload writes, for the final reads. */
export const USES: readonly NamespaceUse[] = [DEMO, SENSORS, PROFILES];

const SHARED_KEYS = 16;
const RECENT_MAX = 256;
const ATTEMPTS_MAX = 20;
const SCAN_ITEMS = 100;

export interface WorkloadOptions {
  readonly places: readonly Place[];
  readonly recorder: Recorder;
  readonly prng: Prng;
  /** The pause between the operations of one client. */
  readonly paceMs: number;
}

export interface Workload {
  /** Writes that were acknowledged so far. */
  readonly acked: number;
  /** Resolves when every client has ended its last operation. */
  stop(): Promise<void>;
}

/** What the clients of one run share. */
export interface Shared {
  readonly options: WorkloadOptions;
  readonly recent: { readonly use: NamespaceUse; readonly key: string }[];
  readonly fifoSessions: string[];
  acked: number;
  isStopping: boolean;
}

/** What a client does repeatedly; it is connected when this is called. */
export interface Role {
  readonly session: string;
  /** It has the guarantees of sessions, at whichever replica. */
  readonly keepsToken?: true;
  /** The replica to connect to, asked before every connection. */
  place(): Place;
  act(client: LoadClient): Promise<void>;
}

export function startWorkload(options: WorkloadOptions): Workload {
  return startClients(options, rolesOf);
}

/** The same with other clients. */
export function startClients(
  options: WorkloadOptions,
  roles: (shared: Shared) => readonly Role[],
): Workload {
  const shared: Shared = { options, recent: [], fifoSessions: [], acked: 0, isStopping: false };
  const clients = roles(shared).map((role) => run(role, shared));
  return {
    get acked() {
      return shared.acked;
    },
    async stop() {
      shared.isStopping = true;
      await Promise.all(clients);
    },
  };
}

async function run(role: Role, shared: Shared): Promise<void> {
  const { recorder, paceMs, prng } = shared.options;
  const client = new LoadClient(role.session, recorder, role.keepsToken);
  while (!shared.isStopping) {
    if (await client.connect(role.place())) await role.act(client);
    await sleep(paceMs * (0.5 + prng.next()));
  }
  client.disconnect();
}

function rolesOf(shared: Shared): Role[] {
  const { places } = shared.options;
  return [
    ...times(6, (at) => majority(shared, `m${at}`)),
    ...places.map((place, at) => retrying(shared, `i${at}`, place)),
    ...places.flatMap((place, at) => [
      fifo(shared, `f${at}a`, place, 1),
      fifo(shared, `f${at}b`, place, 2),
    ]),
    ...times(3, (at) => sharing(shared, `s${at}`)),
    ...times(3, (at) => reading(shared, `g${at}`)),
    ...times(2, (at) => scanning(shared, `l${at}`)),
  ];
}

function majority(shared: Shared, session: string): Role {
  const nextKey = keysOf('m', session);
  return {
    session,
    place: () => anyPlace(shared),
    async act(client) {
      const key = nextKey();
      await put(shared, client, DEMO, key, 2);
    },
  };
}

export function retrying(shared: Shared, session: string, place: Place): Role {
  const { prng } = shared.options;
  const nextKey = keysOf('i', session);
  let key = nextKey();
  let attempts = 0;
  return {
    session,
    place: () => place,
    async act(client) {
      attempts++;
      const ok = await client.write({ ...DEMO, key, value: key, w: 2, idem: key });
      if (ok === true) noteAcked(shared, DEMO, key);
      const isEnough = ok === true ? !prng.chance(0.2) : attempts >= ATTEMPTS_MAX;
      if (!isEnough) return;
      key = nextKey();
      attempts = 0;
    },
  };
}

export function fifo(shared: Shared, session: string, place: Place, w: number): Role {
  shared.fifoSessions.push(session);
  const nextKey = keysOf('f', session);
  return {
    session,
    place: () => place,
    async act(client) {
      const key = nextKey();
      await put(shared, client, SENSORS, key, w);
    },
  };
}

function sharing(shared: Shared, session: string): Role {
  const { prng } = shared.options;
  let count = 0;
  return {
    session,
    place: () => anyPlace(shared),
    async act(client) {
      const key = `r/${prng.below(SHARED_KEYS)}`;
      const isDelete = prng.chance(0.1);
      const value = isDelete ? {} : { value: `${session}-${count++}` };
      const ok = await client.write({ ...PROFILES, key, ...value, w: 2 });
      if (ok === true) shared.acked++;
      if (prng.chance(0.3)) client.disconnect();
    },
  };
}

function reading(shared: Shared, session: string): Role {
  const { prng } = shared.options;
  return {
    session,
    place: () => anyPlace(shared),
    async act(client) {
      const { recent } = shared;
      const target = recent[prng.below(Math.max(1, recent.length))];
      const shareds = { use: PROFILES, key: `r/${prng.below(SHARED_KEYS)}` };
      const { use, key } = target === undefined || prng.chance(0.2) ? shareds : target;
      await client.read(use, key, 1 + prng.below(2));
      if (prng.chance(0.2)) client.disconnect();
    },
  };
}

export function scanning(shared: Shared, session: string): Role {
  const { prng } = shared.options;
  return {
    session,
    place: () => anyPlace(shared),
    async act(client) {
      const { fifoSessions } = shared;
      const of = fifoSessions[prng.below(fifoSessions.length)] ?? '';
      await client.scan({ ...SENSORS, prefix: `f/${of}/`, limit: SCAN_ITEMS, reverse: true });
      if (prng.chance(0.3)) client.disconnect();
    },
  };
}

async function put(
  shared: Shared,
  client: LoadClient,
  use: NamespaceUse,
  key: string,
  w: number,
): Promise<void> {
  const ok = await client.write({ ...use, key, value: key, w });
  if (ok === true) noteAcked(shared, use, key);
}

export function noteAcked(shared: Shared, use: NamespaceUse, key: string): void {
  shared.acked++;
  shared.recent[shared.acked % RECENT_MAX] = { use, key };
}

/** Keys that grow with the count: `m/m3/0000042`. They are also the values. */
export function keysOf(kind: string, session: string): () => string {
  let count = 0;
  return () => `${kind}/${session}/${String(count++).padStart(7, '0')}`;
}

export function anyPlace({ options: { places, prng } }: Shared): Place {
  return places[prng.below(places.length)] as Place;
}

export function times<T>(count: number, make: (at: number) => T): T[] {
  return Array.from({ length: count }, (_, at) => make(at));
}
