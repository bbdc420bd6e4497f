// The rules for several settings together: allowed addresses, and bounds that must fit each other.

import { type Address, formatAddress, isLoopback } from '../model/address.ts';
import { variableOf } from './option.ts';
import type { Complain } from './resolve.ts';
import { spoken, type Values } from './table.ts';

/** What an entry needs besides its value, with a margin. */
const ENTRY_BYTES_MAX = 64 * 1024;

export function checkRules(values: Values, complain: Complain, warn: Complain): void {
  checkListening(values, complain, warn);
  if (values.ops !== undefined) complain(spoken('ops'), OPS_NOT_BUILT);
  if (values.peer !== undefined) checkPeer(values.peer, values, complain);
  checkDistinct(values, complain);
  checkBounds(values, complain);
  if (values.sync === 'unsafe-none') {
    const loss = 'acknowledged writes are LOST when the machine stops; for measuring only';
    warn(`${variableOf('sync')}=unsafe-none`, loss);
  }
}

const OPS_NOT_BUILT =
  'is not built yet; until then, access tokens restrict /metrics and /v1/cluster to clients that have the role';

function checkListening({ http, tokensFile }: Values, complain: Complain, warn: Complain): void {
  if (isLoopback(http.host)) return;
  const where = `${spoken('http')} ${formatAddress(http)}`;
  if (tokensFile === undefined) {
    const how = `configure access tokens with ${spoken('tokensFile')}`;
    complain(where, `is not a loopback address, which is refused without access tokens; ${how}`);
  } else {
    warn(where, 'accepts tokens over plain HTTP; put a proxy with TLS in front of it');
  }
}

function checkPeer(at: Address, { peerPlaintext }: Values, complain: Complain): void {
  if (isLoopback(at.host) || peerPlaintext === 'allow') return;
  const how = `inside a private network or a tunnel, set ${variableOf('peerPlaintext')}=allow`;
  const reason = `is not a loopback address, and the peer channel is not encrypted; ${how}`;
  complain(`${spoken('peer')} ${formatAddress(at)}`, reason);
}

function checkDistinct({ http, peer }: Values, complain: Complain): void {
  if (peer === undefined || http.port === 0) return;
  if (formatAddress(http) !== formatAddress(peer)) return;
  complain(`${variableOf('http')} and ${variableOf('peer')}`, 'must differ');
}

function checkBounds(values: Values, complain: Complain): void {
  if (values.peerTimeout < 3 * values.heartbeat) {
    complain(spoken('peerTimeout'), `must be at least three times ${spoken('heartbeat')}`);
  }
  if (values.window < values.frame) {
    complain(spoken('window'), `must be at least ${spoken('frame')}`);
  }
  if (values.window < values.maxValue + ENTRY_BYTES_MAX) {
    complain(spoken('window'), `must hold the largest value, ${spoken('maxValue')}, and 64KiB`);
  }
}
