// One anomaly at a time in a linearizable history, and only where no order of the operations can
// explain it.

import type { Prng } from '../../../src/base/prng.ts';
import {
  type History,
  isWrite,
  type Operation,
  type Read,
  type Write,
} from '../../checkers/operation.ts';
import type { Injector } from './anomalies.ts';

/** A read returns a value that an acknowledged write had replaced before it began. */
export const readReplaced: Injector = (history, prng) => {
  return editRead(history, prng, (read) => {
    const before = acked(history, read.key).filter((write) => write.return_ns < read.call_ns);
    return before.find(
      (old) => old.value !== null && before.some((other) => old.return_ns < other.call_ns),
    )?.value;
  });
};

/** A read finds nothing, although a value was acknowledged and no delete was ever requested. */
export const readNothing: Injector = (history, prng) => {
  return editRead(history, prng, (read) => {
    const isPut = acked(history, read.key).some(
      ({ type, return_ns }) => type === 'put' && return_ns < read.call_ns,
    );
    const isDeleted = writes(history, read.key).some(
      ({ type, ok, call_ns }) => type === 'delete' && ok !== false && call_ns <= read.return_ns,
    );
    return isPut && !isDeleted ? null : undefined;
  });
};

/** A read returns a value whose write had not begun. */
export const readAhead: Injector = (history, prng) => {
  return editRead(history, prng, (read) => {
    const later = writes(history, read.key).filter(({ call_ns }) => call_ns > read.return_ns);
    return pick(
      later.filter(({ value }) => value !== null),
      prng,
    )?.value;
  });
};

/** A read returns a value whose write was refused. */
export const readRefused: Injector = (history, prng) => {
  return editRead(history, prng, (read) => {
    const refused = writes(history, read.key).filter(({ ok, value }) => ok === false && value);
    return pick(refused, prng)?.value;
  });
};

/** Three successive reads return one value, another, and the first again. */
export const readBackAgain: Injector = (history, prng) => {
  return editRead(history, prng, (read) => {
    const before = reads(history, read.key).filter(({ return_ns }) => return_ns < read.call_ns);
    const isFlip = (first: Read, second: Read) =>
      first.return_ns < second.call_ns && first.result !== second.result;
    return before.find(
      (first) => first.result !== null && before.some((second) => isFlip(first, second)),
    )?.result;
  });
};

/** Two writes that were both acknowledged replaced the same value. */
export const replaceTwice: Injector = (history, prng) => {
  const places = acked(history).flatMap((write) => {
    const { expected, key } = write;
    if (typeof expected !== 'string') return [];
    const others = acked(history, key).filter(
      (other) => other !== write && other.value !== expected,
    );
    return others.filter(({ type }) => type === 'put').map((other) => ({ other, expected }));
  });
  const place = pick(places, prng);
  if (place === undefined) return undefined;
  const { other, expected } = place;
  return history.map((each) => (each === other ? { ...other, expected } : each));
};

/** What the read returns instead; undefined: this read is no place for the anomaly. */
type Told = (read: Read) => string | null | undefined;

function editRead(history: History, prng: Prng, tell: Told): Operation[] | undefined {
  const places = reads(history).flatMap((read) => {
    const result = tell(read);
    return result === undefined || result === read.result ? [] : [{ read, result }];
  });
  const place = pick(places, prng);
  if (place === undefined) return undefined;
  const { read, result } = place;
  return history.map((each) => (each === read ? { ...read, result } : each));
}

function reads(history: History, key?: string): Read[] {
  const all = history.filter((operation): operation is Read => operation.type === 'get');
  return all.filter((read) => read.ok === true && (key === undefined || read.key === key));
}

function writes(history: History, key?: string): Write[] {
  return history.filter(isWrite).filter((write) => key === undefined || write.key === key);
}

function acked(history: History, key?: string): Write[] {
  return writes(history, key).filter(({ ok }) => ok === true);
}

function pick<T>(candidates: readonly T[], prng: Prng): T | undefined {
  return candidates[prng.below(Math.max(1, candidates.length))];
}
