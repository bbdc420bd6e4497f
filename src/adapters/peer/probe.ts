// Which replica is at an address: a member asks this before it proposes a newcomer to the others.
// Both prove that they have the secret, as for a connection (handshake.ts), and the asked process
// also proves what it reports about itself. It identifies the asking member by the secret alone,
// because a newcomer need not know all members.
//
//  asker   GET /probe                     cluster, ids, incarnation, versions spoken, nonce
//  asked   401                            version chosen, incarnation, nonce
//  asker   GET /probe                     proof of the asker              same TCP connection
//  asked   204                            region, epoch that its directory is bound to, proof

import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import { once } from 'node:events';
import { parseRegion } from '../../model/id.ts';
import type { Place, Probed } from '../../model/membership.ts';
import {
  chooseVersion,
  freshNonce,
  type Greeting,
  greetingHeaders,
  HANDSHAKE_BYTES_MAX,
  type Headers,
  isProof,
  type PeerIdentity,
  PROBE_PATH,
  proofOf,
  readChallenge,
  refusalOf,
  type Transcript,
} from '../handshake.ts';

/**
 * What a replica reports about itself; `epoch` is 0 if its directory is not bound to a membership.
 */
export interface Introduction {
  readonly region: string;
  readonly epoch: number;
}

const EPOCH = /^(0|[1-9][0-9]{0,15})$/;
/** The address is right, but the replica has not begun yet. */
const EARLY: readonly string[] = ['refused: starting', 'refused: crowded'];

/** Never rejects. */
export async function probePeer(
  identity: PeerIdentity,
  place: Pick<Place, 'id' | 'peerAddress'>,
  timeoutMs: number,
): Promise<Probed> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const signal = AbortSignal.timeout(Math.ceil(timeoutMs));
  const ask = async (headers: { readonly [name: string]: string }): Promise<IncomingMessage> => {
    const options = { agent, signal, headers, maxHeaderSize: HANDSHAKE_BYTES_MAX };
    const request = httpRequest(`http://${place.peerAddress}${PROBE_PATH}`, options);
    request.end();
    const [answer] = (await once(request, 'response', { signal })) as [IncomingMessage];
    answer.resume();
    await once(answer, 'end', { signal });
    return answer;
  };
  try {
    return await converse(identity, place, ask);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (signal.aborted)
      return { kind: 'unreachable', reason: 'it did not answer in time', mayBegin: false };
    if (code?.startsWith('HPE_') === true)
      return { kind: 'other', reason: 'it does not answer in HTTP' };
    return { kind: 'unreachable', reason: code ?? message, mayBegin: code === 'ECONNREFUSED' };
  } finally {
    agent.destroy();
  }
}

async function converse(
  identity: PeerIdentity,
  { id: listenerId }: Pick<Place, 'id'>,
  ask: (headers: { readonly [name: string]: string }) => Promise<IncomingMessage>,
): Promise<Probed> {
  const { clusterId, id, protocols, secret } = identity;
  const dialer = { id, incarnation: identity.incarnation(), nonce: freshNonce() };
  const greeting: Greeting = { clusterId, offered: protocols.join(','), dialer, listenerId };
  const challenged = await ask(greetingHeaders(greeting));
  const challenge = challenged.statusCode === 401 ? readChallenge(challenged.headers) : undefined;
  if (challenge === undefined) return refused(challenged);
  const { version, incarnation, nonce } = challenge;
  if (chooseVersion(String(version), protocols) === undefined)
    return { kind: 'other', reason: 'refused: version' };
  const listener = { id: listenerId, incarnation, nonce };
  const said = { clusterId, offered: greeting.offered, version, dialer, listener };
  const answer = await ask({ 'Conit-Proof': proofOf(secret, 'asker', said) });
  if (answer.statusCode !== 204) return refused(answer);
  const shown = readIntroduction(answer.headers);
  const isProved =
    shown !== undefined && isProof(answer.headers['conit-proof'], proofBy(secret, shown, said));
  return isProved
    ? { kind: 'there', ...shown }
    : { kind: 'other', reason: 'it does not have the cluster secret' };
}

function refused(answer: IncomingMessage): Probed {
  const reason = refusalOf(answer);
  if (!EARLY.includes(reason)) return { kind: 'other', reason };
  return { kind: 'unreachable', reason, mayBegin: true };
}

export function proofBy(secret: Buffer, { region, epoch }: Introduction, said: Transcript): string {
  return proofOf(secret, `asked ${region} ${epoch}`, said);
}

export function introductionHeaders({ region, epoch }: Introduction): { [name: string]: string } {
  return { 'Conit-Region': region, 'Conit-Epoch': String(epoch) };
}

function readIntroduction(headers: Headers): Introduction | undefined {
  const { 'conit-region': label, 'conit-epoch': epoch } = headers;
  const region = typeof label === 'string' ? parseRegion(label) : undefined;
  if (region === undefined || typeof epoch !== 'string' || !EPOCH.test(epoch)) return undefined;
  return { region, epoch: Number(epoch) };
}
