// What a replica says first on each connection: who it is, everything that is durable here, and who the members are.

import type { Hello } from '../model/message.ts';
import type { Context } from './context.ts';
import type { Peer } from './peers.ts';

/** `peer` is left out where a former member is greeted: it hears who the members are, and no more. */
export function greetingOf(
  { clock, log, origin, settings }: Context,
  peer: Peer | undefined,
  policyDigest: number,
  membership: Pick<Hello, 'membership' | 'vote'>,
): Hello {
  return {
    kind: 'hello',
    origin,
    vector: peer?.news(log.durable) ?? [],
    hlc: clock.last,
    policyDigest,
    windowBytes: settings.windowBytes,
    url: settings.clientUrl,
    ...membership,
  };
}
