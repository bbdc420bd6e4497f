// Whether the wall clock is right, before it numbers an incarnation: a start asks its peers for
// their time, at their peer ports, and compares as heartbeats do later
// (consistency/agreed-clock.ts). No proof is exchanged, because the times only decide the number of
// the next incarnation.
//
//  GET /clock   ->   204, Conit-Wall: milliseconds since 1970

import { get } from 'node:http';
import { type ClockSample, medianOf, sampleOf } from '../../model/clock-sample.ts';
import { majority } from '../../model/quorum.ts';

export const CLOCK_PATH = '/clock';
export const CLOCK_HEADER = 'conit-wall';

export interface PeerClockOptions {
  /** host:port of the peer ports of the other members. */
  readonly addresses: readonly string[];
  readonly driftMaxMs: number;
  /** The longest time in which a majority must answer. */
  readonly waitMs: number;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

const ROUND_MS = 100;
const ANSWER_MS = 500;
const HEADERS_BYTES_MAX = 1024;

/** The time if a majority, this replica included, confirms the clock; otherwise `undefined`. */
export async function comparedWallMs(options: PeerClockOptions): Promise<number | undefined> {
  const { addresses, driftMaxMs, waitMs, wallMs } = options;
  const untilMs = performance.now() + waitMs;
  const own = wallMs() - performance.now();
  const samples = new Map<string, ClockSample>();
  const needed = majority(addresses.length + 1) - 1;
  for (;;) {
    const silent = addresses.filter((address) => !samples.has(address));
    if (samples.size < needed) await Promise.all(silent.map((each) => ask(each, samples)));
    if (samples.size >= needed) break;
    if (performance.now() >= untilMs) return undefined;
    await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
  }
  const { lowMs, highMs, splitMs } = medianOf([
    { offsetMs: own, errorMs: 0, atMs: 0 },
    ...samples.values(),
  ]);
  const beyondMs = Math.max(lowMs - own, own - highMs, splitMs);
  return beyondMs > driftMaxMs ? undefined : wallMs();
}

function ask(address: string, samples: Map<string, ClockSample>): Promise<void> {
  return new Promise((resolve) => {
    const pingMs = performance.now();
    const options = {
      agent: false,
      timeout: ANSWER_MS,
      maxHeaderSize: HEADERS_BYTES_MAX,
      headers: { Connection: 'close' },
    };
    const request = get(`http://${address}${CLOCK_PATH}`, options, (answer) => {
      const nowMs = performance.now();
      const wallMs = Number(answer.headers[CLOCK_HEADER]);
      if (Number.isFinite(wallMs) && wallMs > 0)
        samples.set(address, sampleOf({ wallMs, pingMs, keptMs: 0 }, nowMs));
      answer.destroy();
      resolve();
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve());
    request.on('close', () => resolve());
  });
}
