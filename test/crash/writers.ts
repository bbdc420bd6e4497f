// Clients that write as fast as they are answered, each to one replica, and record the replies in
// the ledger. They reconnect when they lose their connection, until they are stopped.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Prng } from '../../src/base/prng.ts';
import { judge } from '../support/load/outcome.ts';
import { openConnection, type RawConnection } from '../support/raw-http.ts';
import type { Ledger } from './ledger.ts';
import { GUARD_MS } from '../support/wait.ts';

/** The namespace without quorums of its own, so that each request may set them. */
export const NAMESPACE = 'bench';

export interface Place {
  readonly id: string;
  readonly httpPort: number;
}

export interface WritersOptions {
  readonly places: readonly Place[];
  readonly ledger: Ledger;
  readonly prng: Prng;
  readonly clients: number;
  readonly w: number;
  /** The prefix of all its keys, which no other writers use. */
  readonly prefix: string;
  /** The longest value. */
  readonly bytesMax?: number;
  /** Each stops by itself after this many writes. */
  readonly each?: number;
}

export interface Writers {
  /** Resolves when all have stopped by themselves. */
  readonly done: Promise<void>;
  /** Resolves after the last answer. */
  stop(): Promise<void>;
}

const TRY_MS = 1000;
const RECONNECT_MS = 5;
const BYTES_MAX = 200;

export function startWriters(options: WritersOptions): Writers {
  const isStopped = { yes: false };
  const { clients } = options;
  const running = Array.from({ length: clients }, (_, at) => write(options, at, isStopped));
  const done = Promise.all(running).then(() => undefined);
  // A caller that awaits it learns of a failure; it may not be awaited yet.
  done.catch(() => undefined);
  return {
    done,
    stop() {
      isStopped.yes = true;
      return done;
    },
  };
}

/** Each client writes this many values and ends. */
export async function writeAll(options: WritersOptions & { readonly each: number }): Promise<void> {
  await startWriters(options).done;
}

async function write(
  options: WritersOptions,
  at: number,
  isStopped: { readonly yes: boolean },
): Promise<void> {
  const { places, prefix, each = Number.POSITIVE_INFINITY } = options;
  const place = places[at % places.length] as Place;
  let connection: RawConnection | undefined;
  for (let count = 0; count < each && !isStopped.yes; ) {
    if (connection?.isOpen !== true) connection = await openConnection(place.httpPort);
    if (connection === undefined) await sleep(RECONNECT_MS);
    else await put(options, connection, `${prefix}/${at}/${String(count++).padStart(6, '0')}`);
  }
  connection?.close();
}

async function put(
  { ledger, prng, w, bytesMax = BYTES_MAX }: WritersOptions,
  connection: RawConnection,
  key: string,
): Promise<void> {
  const value = `${key}=${noise(prng, prng.below(bytesMax))}`;
  ledger.begin(key, value);
  const reply = await connection.send({
    method: 'PUT',
    path: `/v1/kv/${NAMESPACE}/${key}?w=${w}&timeout=${TRY_MS}ms`,
    headers: { 'Content-Type': 'text/plain' },
    body: value,
    timeoutMs: GUARD_MS,
  });
  // How much later than its time-out a request ends is judged in the simulation.
  if (reply.kind === 'timeout') throw new Error(`hung: no answer about ${key} in ${GUARD_MS} ms`);
  const dot = reply.kind === 'reply' ? (reply.headers.get('conit-version') ?? '') : '';
  ledger.end(key, judge(reply).ok, dot);
}

/** Half of it can be compressed, so that tables hold blocks of both kinds. */
function noise(prng: Prng, length: number): string {
  if (prng.chance(0.5)) return '.'.repeat(length);
  let text = '';
  while (text.length < length) text += prng.below(2 ** 31).toString(36);
  return text.slice(0, length);
}
