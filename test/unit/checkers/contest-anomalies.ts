// One anomaly at a time in a contest whose replies name every time: a value is shown that must not
// be present any more.

import {
  type History,
  isWrite,
  type Operation,
  type Read,
  type Write,
} from '../../checkers/operation.ts';
import type { Injector } from './anomalies.ts';
import { NODES } from './contest.ts';

/** It was acknowledged, so its version and its time are known. */
type Acked = Write & { readonly ver: string; readonly hlc: string };

/** Every replica ends with an older value than the newest acknowledged one. */
export const olderEverywhere: Injector = (history, prng) => {
  const place = pick(overtaken(history), prng);
  return place && showInTheEnd(history, NODES, place.older);
};

/** One replica ends with an older value than the newest acknowledged one. */
export const olderSomewhere: Injector = (history, prng) => {
  const place = pick(overtaken(history), prng);
  return place && showInTheEnd(history, [NODES[prng.below(3)] ?? ''], place.older);
};

/** One replica ends without the newest value, although no delete may have removed it. */
export const absentSomewhere: Injector = (history, prng) => {
  const winners = keysOf(history).flatMap((key) => {
    const deletes = history.filter(isWrite).filter((each) => each.key === key);
    const winner = newest(acked(history, key));
    const isKnown = deletes.every(
      ({ type, ok, hlc }) => type === 'put' || (ok !== null && hlc !== winner?.hlc),
    );
    return isKnown && winner?.type === 'put' ? [winner] : [];
  });
  const winner = pick(winners, prng);
  const node = NODES[prng.below(3)] ?? '';
  return winner && showInTheEnd(history, [node], { ...winner, value: null });
};

/** Two versions have the same time, and one replica ends with the one whose origin is smaller. */
export const tieSomewhere: Injector = (history, prng) => {
  const tie = pick(ties(history), prng);
  if (tie === undefined) return undefined;
  const { older, newer } = tie;
  // Not if the winner may be another write, of unknown outcome.
  const isShown = (each: Operation) => {
    return (
      'final' in each &&
      each.type === 'get' &&
      each.key === newer.key &&
      each.result === newer.value
    );
  };
  const node = history.find(isShown)?.node;
  if (node === undefined) return undefined;
  return showInTheEnd(retime(history, older, newer.hlc), [node], { ...older, hlc: newer.hlc });
};

/** Two versions have the same time, and all replicas end with the one whose origin is smaller. */
export const tieEverywhere: Injector = (history, prng) => {
  const tie = pick(ties(history), prng);
  if (tie === undefined) return undefined;
  const { older, newer } = tie;
  return showInTheEnd(retime(history, older, newer.hlc), NODES, { ...older, hlc: newer.hlc });
};

/** A replica ends with a value that is older than an acknowledged delete. */
export const reviveInTheEnd: Injector = (history, prng) => {
  const places = keysOf(history).flatMap((key) => buried(history, key));
  const place = pick(places, prng);
  return place && showInTheEnd(history, [NODES[prng.below(3)] ?? ''], place.older);
};

/** A replica that had named the delete shows an older value again. */
export const reviveNamed: Injector = (history, prng) => {
  const isNamed = (removal: Acked, before: Read, { node }: Read) =>
    before.result === null && before.ver === removal.ver && before.node === node;
  return revive(
    history,
    (removal, read) =>
      reads(history, removal.key).some(
        (before) => isNamed(removal, before, read) && before.return_ns < read.call_ns,
      ),
    prng,
  );
};

/** The replica that had acknowledged the delete shows an older value again. */
export const reviveOwn: Injector = (history, prng) =>
  revive(
    history,
    ({ node, return_ns }, read) => node === read.node && return_ns < read.call_ns,
    prng,
  );

/**
 * As `reviveOwn`, but no reply named any time: the value had been acknowledged there before the
 * delete.
 */
export const reviveUntimed: Injector = (history, prng) => {
  const isHere = (older: Acked, removal: Acked) =>
    older.node === removal.node && older.return_ns < removal.call_ns;
  const revived = revive(
    history,
    ({ node, return_ns }, read) => node === read.node && return_ns < read.call_ns,
    prng,
    isHere,
  );
  return revived?.map(withoutTime);
};

function withoutTime<T extends Operation>(operation: T): T {
  const { hlc: _, ...rest } = operation;
  if (operation.type !== 'list') return rest as T;
  const result = operation.result.map(({ key, value, ver }) => ({ key, value, ver }));
  return { ...(rest as T), result };
}

type IsPlace = (removal: Acked, read: Read) => boolean;
type IsPair = (older: Acked, removal: Acked) => boolean;

function revive(
  history: History,
  isPlace: IsPlace,
  prng: Parameters<Injector>[1],
  isPair: IsPair = () => true,
): Operation[] | undefined {
  const pairs = keysOf(history).flatMap((key) => buried(history, key));
  const places = pairs
    .filter(({ older, newer }) => isPair(older, newer))
    .flatMap(({ older, newer }) =>
      reads(history, newer.key)
        .filter((read) => isPlace(newer, read))
        .map((read) => ({ older, read })),
    );
  const place = pick(places, prng);
  if (place === undefined) return undefined;
  const { older, read } = place;
  const { value: result, ver, hlc } = older;
  return history.map((each) => (each === read ? { ...read, result, ver, hlc } : each));
}

interface Pair {
  readonly older: Acked;
  readonly newer: Acked;
}

/** Puts that are older than the newest acknowledged version of their key. */
function overtaken(history: History): Pair[] {
  return keysOf(history).flatMap((key) => {
    const all = acked(history, key);
    const newer = newest(all);
    const older = all.filter(({ type, hlc }) => type === 'put' && newer && hlc < newer.hlc);
    return newer === undefined ? [] : older.map((each) => ({ older: each, newer }));
  });
}

/** Those of them that would lose a tie against it. */
function ties(history: History): Pair[] {
  return overtaken(history).filter(
    ({ older, newer }) => newer.type === 'put' && older.node < newer.node,
  );
}

/** Puts with a newer delete. */
function buried(history: History, key: string): Pair[] {
  const all = acked(history, key);
  const deletes = all.filter(({ type }) => type === 'delete');
  return deletes.flatMap((newer) => {
    const older = all.filter(({ type, hlc }) => type === 'put' && hlc < newer.hlc);
    return older.map((each) => ({ older: each, newer }));
  });
}

/** At the end the replicas show this write under its key, or nothing. */
function showInTheEnd(history: History, nodes: readonly string[], write: Acked): Operation[] {
  const { key, value, ver, hlc } = write;
  return history.map((each) => {
    if (!('final' in each) || !nodes.includes(each.node)) return each;
    if (each.type === 'list') {
      const others = each.result.filter((item) => item.key !== key);
      if (value === null) return { ...each, result: others };
      const result = [...others, { key, value, ver, hlc }];
      return { ...each, result: result.sort((a, b) => (a.key < b.key ? -1 : 1)) };
    }
    if (each.key !== key) return each;
    if (value !== null) return { ...each, result: value, ver, hlc };
    return { ...withoutTime(each), result: null, ver: null };
  });
}

function retime(history: History, write: Acked, hlc: string): Operation[] {
  return history.map((each) => {
    if (each.type === 'list') {
      const result = each.result.map((item) => (item.ver === write.ver ? { ...item, hlc } : item));
      return { ...each, result };
    }
    return each.ver === write.ver ? { ...each, hlc } : each;
  });
}

function keysOf(history: History): string[] {
  return [...new Set(history.filter(isWrite).map(({ key }) => key))];
}

function acked(history: History, key: string): Acked[] {
  const writes = history.filter(isWrite).filter((write) => write.key === key && write.ok === true);
  return writes as Acked[];
}

function newest(writes: readonly Acked[]): Acked | undefined {
  const place = ({ hlc, node }: Acked) => `${hlc} ${node}`;
  return writes.toSorted((a, b) => (place(a) < place(b) ? -1 : 1)).at(-1);
}

function reads(history: History, key: string): Read[] {
  const gets = history.filter((each): each is Read => each.type === 'get' && each.key === key);
  return gets.filter(({ r, final }) => r === 1 && final !== true);
}

function pick<T>(candidates: readonly T[], prng: Parameters<Injector>[1]): T | undefined {
  return candidates[prng.below(Math.max(1, candidates.length))];
}
