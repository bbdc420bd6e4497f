// A newcomer is asked for its identity before it is proposed to the members: once it counts in N, a
// wrong address affects every write with w=all and every quorum that it was meant for. A member
// that already has this very address is not asked, because nothing is proposed; and no replica asks
// itself.
//
// A newcomer may be starting: if nothing listens there yet it is asked again, for half of the time
// that the change may take.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Place, Probed } from '../../model/membership.ts';
import { ask, type HttpContext } from '../context.ts';
import { type Refusal, refusal } from '../problem.ts';

/** Asks the process at a peer address for its identity. Never rejects. */
export type Probe = (place: Place, timeoutMs: number) => Promise<Probed>;

const AGAIN_MS = 100;

/** Why the newcomer is not proposed. */
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
  return refusal(
    'peer-mismatch',
    `${at} is another replica than the one named: ${wrong}; ${NOTHING}`,
  );
}

const NOTHING = 'the members are as they were';

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

/** A newcomer has no data of another membership; a member may have moved with its data. */
async function flawOf(
  { members, service }: HttpContext,
  place: Place,
  probed: Probed & { readonly kind: 'there' },
): Promise<string | undefined> {
  if (probed.region !== place.region) return `its region is ${probed.region}`;
  if (probed.epoch === 0 || members.some(({ id }) => id === place.id)) return undefined;
  const status = await ask(service, (client) => ({ kind: 'status', client }));
  const epoch = status.kind === 'status' ? status.membership.epoch : 0;
  // A replica that was added in the meantime has a later epoch.
  if (probed.epoch > epoch) return undefined;
  return 'its directory belongs to another membership; start it with an empty one';
}

/** What the refusals of a handshake mean to the operator who adds a replica. */
const WORDS: { readonly [reason: string]: string } = {
  'refused: cluster': 'it belongs to another cluster (CONIT_CLUSTER_ID)',
  'refused: recipient': 'another replica listens there',
  'refused: proof': 'its cluster secret differs',
  'refused: version': 'it speaks another version of the protocol',
  'refused: path': 'its version of Conit does not answer this question',
};

function wordsOf(reason: string): string {
  return WORDS[reason] ?? reason;
}
