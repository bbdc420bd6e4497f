// The peers of a replica without a stream to them, for parts that only read what is known of each.

import type { Hello } from '../../src/model/message.ts';
import { Peer, Peers, type Stream } from '../../src/peers/peers.ts';
import { helloOf, membershipOf, membersOf, origin } from './build.ts';

/** The calls of the stream to a peer. */
export class StreamLog implements Stream {
  readonly asked: string[] = [];

  begin(): void {
    this.asked.push('begin');
  }

  reset(): void {
    this.asked.push('reset');
  }

  rewind(): void {
    this.asked.push('rewind');
  }

  onHeld(): void {
    this.asked.push('held');
  }

  onWindow(): void {
    this.asked.push('window');
  }

  lookBack(): void {
    this.asked.push('look back');
  }

  pump(): void {
    this.asked.push('pump');
  }
}

export const REGIONS: readonly string[] = ['ap', 'eu', 'us'];

/** The replica in the first region, which knows the others. */
export function peersOf(regions = REGIONS): { peers: Peers; streams: StreamLog[] } {
  const others = membersOf(regions).slice(1);
  const streams = others.map(() => new StreamLog());
  const peers = others.map((member, n) => new Peer(member, streams[n] as StreamLog, 1000));
  return { peers: new Peers(0, peers), streams };
}

export function greet(peers: Peers, index: number, says: Partial<Hello> = {}): void {
  const peer = peers.get(index);
  if (peer === undefined) throw new Error('no such peer');
  peers.onHello(peer, helloOf(origin(`${peer.member.id}.1`), membershipOf(REGIONS), says));
}
