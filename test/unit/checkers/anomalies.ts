// One anomaly at a time, injected into a legal history. An injector returns `undefined` if the
// history has no place for its anomaly.

import type { Prng } from '../../../src/base/prng.ts';
import type { Item, Operation, Read, Scan, Write } from '../../checkers/operation.ts';
import { NODES } from './generator.ts';

type History = readonly Operation[];
export type Injector = (history: History, prng: Prng) => Operation[] | undefined;

/** An acknowledged write is gone from the final state of every replica. */
export const loseWrite: Injector = (history, prng) => {
  const put = pick(acked(history).filter(isOnce), prng);
  return (
    put &&
    editFinal(history, (items, scan) => {
      return scan.ns === put.ns ? items.filter(({ key }) => key !== put.key) : items;
    })
  );
};

/** A refused write is present at the end, at one replica. */
export const keepRefused: Injector = (history, prng) => {
  const put = pick(
    puts(history).filter(({ ok, key }) => ok === false && isOnce({ key })),
    prng,
  );
  return put && addFinal(history, put.ns, itemOf(put));
};

/** A value that was never written is present at the end. */
export const conjure: Injector = (history) =>
  addFinal(history, 'demo', { key: 's9/0000', value: 's9-0000', ver: 'eu-1.1.999' });

/** A replica ends with an older value of a key than one that it acknowledged itself. */
export const rollBack: Injector = (history) => {
  for (const old of acked(history).filter(({ key }) => !isOnce({ key }))) {
    const later = acked(history).find(
      (put) => put.key === old.key && put.node === old.node && put.call_ns > old.return_ns,
    );
    if (later === undefined) continue;
    const item = itemOf(old);
    return editFinal(history, (items, scan) =>
      scan.ns === old.ns ? items.map((each) => (each.key === item.key ? item : each)) : items,
    );
  }
  return undefined;
};

/** A read shows a refused value. */
export const showRefused: Injector = (history, prng) => {
  const put = pick(
    puts(history).filter(({ ok, key }) => ok === false && isOnce({ key })),
    prng,
  );
  return (
    put &&
    edit(history, isGetAfter(put), (get) => ({
      ...get,
      result: put.value,
      ver: null,
      key: put.key,
    }))
  );
};

/** A read shows a value before its write began. */
export const showEarly: Injector = (history) => {
  for (const put of acked(history).toReversed()) {
    const early = (operation: Operation): operation is Read =>
      operation.type === 'get' && operation.ns === put.ns && operation.return_ns < put.call_ns;
    const edited = edit(history, early, (get) => ({
      ...get,
      key: put.key,
      result: put.value,
      ver: put.ver,
    }));
    if (edited !== undefined && put.idem === undefined) return edited;
  }
  return undefined;
};

/** One write has another version at the end than its reply named. */
export const applyTwice: Injector = (history, prng) => {
  const put = pick(acked(history).filter(isOnce), prng);
  return (
    put &&
    editFinal(history, (items, scan) =>
      items.map((item) =>
        scan.ns === put.ns && item.key === put.key ? { ...item, ver: 'us-1.1.999' } : item,
      ),
    )
  );
};

/** A scan of a fifo namespace lacks a write of a client and shows a later one. */
export const tearHole: Injector = (history, prng) => {
  const isScan = (operation: Operation): operation is Scan =>
    operation.type === 'list' && operation.level === 'fifo' && operation.reverse;
  const scan = pick(
    history.filter(isScan).filter(({ result }) => result.length >= 2),
    prng,
  );
  if (scan === undefined) return undefined;
  // The items after the last one of a truncated scan are unknown, so a missing one is no hole.
  const inner = scan.result.slice(1, scan.more ? -1 : undefined);
  const lower = inner.find(({ value }) => {
    const [put, top] = [putOf(history, value), putOf(history, scan.result[0]?.value)];
    return put?.ok === true && top !== undefined && put.return_ns <= top.call_ns;
  });
  if (lower === undefined) return undefined;
  const result = scan.result.filter((item) => item !== lower);
  return history.map((each) => (each === scan ? { ...scan, result } : each));
};

/** A read whose quorum overlaps the write's does not show an acknowledged write. */
export const readStale: Injector = (history) => {
  for (const put of acked(history).filter(isOnce)) {
    if (put.w !== 2 || put.idem !== undefined) continue;
    const stale = (operation: Operation): operation is Read =>
      operation.type === 'get' &&
      operation.ns === put.ns &&
      operation.final !== true &&
      operation.r === 2 &&
      operation.call_ns > put.return_ns;
    const edited = edit(history, stale, (get) => ({
      ...get,
      key: put.key,
      result: null,
      ver: null,
    }));
    if (edited !== undefined) return edited;
  }
  return undefined;
};

/** At the end one replica lacks what the others have. */
export const diverge: Injector = (history, prng) => {
  const node = NODES[prng.below(3)];
  const put = pick(acked(history).filter(isOnce), prng);
  return (
    put &&
    editFinal(history, (items, scan) =>
      scan.node === node && scan.ns === put.ns ? items.filter(({ key }) => key !== put.key) : items,
    )
  );
};

/** The answer of a replica for a key differs from its list. */
export const answerOtherwise: Injector = (history) => {
  const isFinalGet = (operation: Operation): operation is Read =>
    operation.type === 'get' && operation.final === true && operation.result !== null;
  return edit(history, isFinalGet, (get) => ({ ...get, result: null, ver: null }));
};

/** An operation takes a minute. */
export const hang: Injector = (history) => {
  const isGet = (operation: Operation): operation is Read => operation.type === 'get';
  return edit(history, isGet, (get) => ({ ...get, return_ns: get.call_ns + 60e9 }));
};

/** No write succeeds after the heal. */
export const neverReturn: Injector = (history) => {
  const healNs = history.find(({ value }) => value === 'heal')?.call_ns ?? 0;
  return history.map((each) =>
    each.type === 'put' && each.call_ns >= healNs ? { ...each, ok: false } : each,
  );
};

/** A process continues although the outcome of its last operation is unknown. */
export const goOn: Injector = (history) => {
  const at = history.findIndex(
    (each, index) =>
      each.ok === true &&
      each.type === 'put' &&
      history.slice(index + 1).some((other) => other.process === each.process),
  );
  if (at < 0) return undefined;
  return history.map((each, index) => (index === at ? { ...each, ok: null } : each));
};

function puts(history: History): Write[] {
  return history.filter((operation): operation is Write => operation.type === 'put');
}

function acked(history: History): Write[] {
  return puts(history).filter(({ ok }) => ok === true);
}

function isOnce({ key }: Pick<Write, 'key'>): boolean {
  return !key.startsWith('r/');
}

function putOf(history: History, value: string | undefined): Write | undefined {
  return puts(history).find((put) => put.value === value);
}

function itemOf({ key, value, ver }: Write): Item {
  return { key, value: value ?? '', ver: ver ?? 'eu-1.1.999' };
}

function isGetAfter(put: Write) {
  return (operation: Operation): operation is Read =>
    operation.type === 'get' && operation.ns === put.ns && operation.call_ns > put.return_ns;
}

function edit<T extends Operation>(
  history: History,
  isPlace: (operation: Operation) => operation is T,
  change: (operation: T) => Operation,
): Operation[] | undefined {
  const place = history.findLast(isPlace);
  if (place === undefined) return undefined;
  return history.map((operation) => (operation === place ? change(place) : operation));
}

function editFinal(
  history: History,
  change: (items: readonly Item[], scan: Scan) => readonly Item[],
): Operation[] {
  let after = '';
  return history.map((operation) => {
    if (operation.type !== 'list' || operation.final !== true) return operation;
    if (operation.after === '') after = '';
    const edited = { ...operation, result: change(operation.result, operation), after };
    after = edited.result.at(-1)?.key ?? after;
    return edited;
  });
}

/** Added to the final state of the first replica. */
function addFinal(history: History, ns: string, item: Item): Operation[] {
  return editFinal(history, (items, scan) => {
    const isPlace = scan.node === NODES[0] && scan.ns === ns && !scan.more;
    return isPlace ? [...items, item] : items;
  });
}

function pick<T>(candidates: readonly T[], prng: Prng): T | undefined {
  return candidates[prng.below(Math.max(1, candidates.length))];
}
