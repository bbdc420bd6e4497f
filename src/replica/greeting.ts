// What a replica says first on each connection: who it is, everything that is durable here, who the members are, and what it
// remembers of the one that it greets.

import type { Hello } from '../model/message.ts';
import type { Context } from './context.ts';

/** A former member hears who the members are, and no more. */
export function greetingOf(
  { clock, log, origin, peers, settings, supersessions }: Context,
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
