// A newcomer is asked for its identity before the members vote on it: as soon as it counts in N, a
// wrong address delays every write with w=all and every quorum that needs it. A member that already
// has this address is not asked, because nothing changes, and no replica asks itself.
//
// A newcomer may still be starting: if nothing listens at its address yet, it is asked again, for
// half of the time that the change may take.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Place, Probed } from '../../model/membership.ts';
import { ask } from '../ask.ts';
import type { HttpContext } from '../context.ts';
import { type Refusal, refusal } from '../problem.ts';

const AGAIN_MS = 100;

/** Why the newcomer is refused. */
export async function refuseNewcomer(
  context: HttpContext,
  place: Place,
  timeoutMs: number,
): Promise<Refusal | undefined> {
  if (isKnown(context, place)) return undefined;
  const probed = await probe(context, place, timeoutMs);
  const at = `${place.id} at ${place.peerAddress}`;
  if (probed.kind === 'unreachable')
    return refusal('peer-unreachable', `${at} cannot be reached: ${probed.reason}; ${NOTHING}`);
  const wrong =
    probed.kind === 'other' ? wordsOf(probed.reason) : await flawOf(context, place, probed);
  if (wrong === undefined) return undefined;
  return refusal('peer-mismatch', `${at} is not the replica that was named: ${wrong}; ${NOTHING}`);
}

const NOTHING = 'the members have not changed';

function isKnown({ members, self }: HttpContext, place: Place): boolean {
  if (place.id === self.id) return true;
  return members.some(
    ({ id, region, peerAddress, httpUrl }) =>
      id === place.id &&
      region === place.region &&
      peerAddress === place.peerAddress &&
      (place.httpUrl === undefined || place.httpUrl === httpUrl),
  );
}

async function probe(context: HttpContext, place: Place, timeoutMs: number): Promise<Probed> {
  const untilMs = performance.now() + timeoutMs / 2;
  for (;;) {
    const leftMs = Math.max(untilMs - performance.now(), 1);
    const probed = await context.probe(place, leftMs);
    const mayBegin = probed.kind === 'unreachable' && probed.mayBegin;
    if (!mayBegin || performance.now() + AGAIN_MS >= untilMs) return probed;
    await sleep(AGAIN_MS);
  }
}

/** A newcomer has no data of another membership; a member may move and keep its data. */
async function flawOf(
  { members, service }: HttpContext,
  place: Place,
  probed: Probed & { readonly kind: 'there' },
): Promise<string | undefined> {
  if (probed.region !== place.region) return `its region is ${probed.region}`;
  if (probed.epoch === 0 || members.some(({ id }) => id === place.id)) return undefined;
  const status = await ask(service, (client) => ({ kind: 'status', client }));
  const epoch = status.kind === 'status' ? status.membership.epoch : 0;
  // A replica that was added since then has a later epoch.
  if (probed.epoch > epoch) return undefined;
  return 'its directory belongs to another membership; start it with an empty one';
}

/** The refusals of a handshake, for the operator who adds a replica. */
const WORDS: { readonly [reason: string]: string } = {
  'refused: cluster': 'it belongs to another cluster (CONIT_CLUSTER_ID)',
  'refused: recipient': 'another replica listens there',
  'refused: proof': 'its cluster secret differs',
  'refused: version': 'it speaks another version of the protocol',
  'refused: path': 'its version of Conit is too old for this question',
};

function wordsOf(reason: string): string {
  return WORDS[reason] ?? reason;
}
