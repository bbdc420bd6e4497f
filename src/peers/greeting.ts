// A replica's first message on each connection: its name, its durable vector, the members, and what
// it remembers of the greeted peer's vector.

import type { Hello } from '../model/message.ts';
import type { HybridClock } from '../model/hlc.ts';
import type { Log } from '../store/log.ts';
import type { Origin } from '../model/id.ts';
import type { Peers } from './peers.ts';
import type { Settings } from '../model/settings.ts';
import type { Supersessions } from '../store/supersessions.ts';

export interface GreetingOptions {
  readonly clock: HybridClock;
  readonly log: Log;
  readonly origin: Origin;
  readonly peers: Peers;
  readonly settings: Settings;
  readonly supersessions: Supersessions;
}

/** A former member gets only the members. */
export function greetingOf(
  { clock, log, origin, peers, settings, supersessions }: GreetingOptions,
  peer: number,
  policyDigest: number,
  says: Pick<Hello, 'membership' | 'vote' | 'remembers'>,
): Hello {
  const id = peers.get(peer)?.member.id;
  const superseded = id && supersessions.all(id, log.durable);
  return {
    kind: 'hello',
    origin,
    vector: peers.get(peer)?.news(log.durable) ?? [],
    hlc: clock.last,
    policyDigest,
    windowBytes: settings.windowBytes,
    url: settings.clientUrl,
    ...says,
    ...(superseded === undefined ? {} : { superseded }),
  };
}
