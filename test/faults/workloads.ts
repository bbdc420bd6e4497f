// What the clients of a cell do. Every value is unique, so a read identifies the write of its
// value.
//
//   overwrite  a few keys of an eventual namespace, put and deleted with any w, read with any r
//   append     keys of a fifo namespace that count up, each client through one replica, scanned
//              from the end
//   bulk       keys that are written once with w = 2, some of them retried under an idempotency
//              key, read with r = 2
//   wander     a few keys, put, deleted and read with r = 1 and w = 1, each time at any replica, by
//              clients that send the session token of their last reply

import { type LoadClient, type NamespaceUse, type Place } from '../support/load/client.ts';
import {
  anyPlace,
  fifo,
  keysOf,
  noteAcked,
  retrying,
  type Role,
  scanning,
  type Shared,
  times,
} from '../support/load/workload.ts';

export const workloadNames = ['overwrite', 'append', 'bulk', 'wander'] as const;
export type WorkloadName = (typeof workloadNames)[number];

export interface CellWorkload {
  readonly use: NamespaceUse;
  readonly roles: (shared: Shared) => readonly Role[];
}

// The namespace without quorums of its own, so that each request may set them.
const EVENTUAL: NamespaceUse = { ns: 'bench', level: 'eventual' };
const FIFO: NamespaceUse = { ns: 'sensors', level: 'fifo' };
const BULK: NamespaceUse = { ns: 'demo', level: 'eventual' };

const KEYS = 8;
const PADDING_MAX = 512;

export const workloads: Readonly<Record<WorkloadName, CellWorkload>> = {
  overwrite: {
    use: EVENTUAL,
    roles: (shared) => [
      ...atEach(shared, 2, 'o', overwriting),
      ...atEach(shared, 1, 'r', (of, session, place) => reading(of, session, place, keyOf(of), 0)),
    ],
  },
  append: {
    use: FIFO,
    roles: (shared) => [
      ...atEach(shared, 1, 'f1', (of, session, place) => fifo(of, session, place, 1)),
      ...atEach(shared, 1, 'f2', (of, session, place) => fifo(of, session, place, 2)),
      ...times(4, (at) => scanning(shared, `l${at}`)),
    ],
  },
  bulk: {
    use: BULK,
    roles: (shared) => [
      ...times(4, (at) => adding(shared, `a${at}`)),
      ...atEach(shared, 1, 'i', retrying),
      ...atEach(shared, 1, 'q', (of, session, place) => reading(of, session, place, recent(of), 2)),
    ],
  },
  wander: {
    use: EVENTUAL,
    roles: (shared) => times(6, (at) => wandering(shared, `w${at}`)),
  },
};

function wandering(shared: Shared, session: string): Role {
  const { prng } = shared.options;
  let count = 0;
  return {
    session,
    keepsToken: true,
    place: () => anyPlace(shared),
    async act(client) {
      const key = `k${prng.below(KEYS)}`;
      const kind = prng.next();
      if (kind < 0.35)
        await client.write({ ...EVENTUAL, key, value: `${session}-${count++}`, w: 1 });
      else if (kind < 0.4) await client.write({ ...EVENTUAL, key, w: 1 });
      else await client.look(EVENTUAL, key);
      client.disconnect();
    },
  };
}

function overwriting(shared: Shared, session: string, place: Place): Role {
  const { prng } = shared.options;
  let count = 0;
  return {
    session,
    place: () => place,
    async act(client) {
      const value = prng.chance(0.8) ? { value: `${session}-${count++}` } : {};
      const key = `k${prng.below(KEYS)}`;
      const ok = await client.write({ ...EVENTUAL, key, ...value, w: copies(shared) });
      if (ok === true) noteAcked(shared, EVENTUAL, key);
    },
  };
}

function adding(shared: Shared, session: string): Role {
  const { prng } = shared.options;
  const nextKey = keysOf('b', session);
  return {
    session,
    place: () => anyPlace(shared),
    async act(client: LoadClient) {
      const key = nextKey();
      const value = key.padEnd(key.length + prng.below(PADDING_MAX), '.');
      const ok = await client.write({ ...BULK, key, value, w: 2 });
      if (ok === true) noteAcked(shared, BULK, key);
      if (prng.chance(0.1)) client.disconnect();
    },
  };
}

/** Gets from this many replicas; 0: any number of them. */
function reading(
  shared: Shared,
  session: string,
  place: Place,
  next: () => { readonly use: NamespaceUse; readonly key: string } | undefined,
  r: number,
): Role {
  return {
    session,
    place: () => place,
    async act(client) {
      const target = next();
      if (target === undefined) return;
      await client.read(target.use, target.key, r === 0 ? copies(shared) : r);
    },
  };
}

function keyOf({ options: { prng } }: Shared) {
  return () => ({ use: EVENTUAL, key: `k${prng.below(KEYS)}` });
}

/** Keys that were acknowledged lately. */
function recent({ options: { prng }, recent: targets }: Shared) {
  return () => targets[prng.below(Math.max(1, targets.length))];
}

function copies({ options: { places, prng } }: Shared): number {
  return 1 + prng.below(places.length);
}

/** This many clients of each replica, which never ask another one. */
function atEach(
  shared: Shared,
  count: number,
  name: string,
  make: (shared: Shared, session: string, place: Place) => Role,
): Role[] {
  return shared.options.places.flatMap((place, at) =>
    times(count, (nth) => make(shared, `${name}-${at}-${nth}`, place)),
  );
}
