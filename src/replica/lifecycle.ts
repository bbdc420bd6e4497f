// The phase of a replica in its incarnation, how it is reported, and the refusal of a replica that
// takes no requests.
//
//   starting -> grace               storage is read and verified
//   starting -> shutting-down       the same, and meanwhile the process was asked to end
//   grace -> open                   peers were asked what they know of this replica
//   grace, open -> shutting-down    the process ends in order: accepted requests are finished
//   * -> failed                     nothing is acknowledged any more
//   * -> halting                    only storage and deadlines are handled
//
// A drained replica (membership/drain.ts) is open: it is a member like the others that answers no
// client. Clients see the state `draining` for both.

import { assert, unreachable } from '../base/assert.ts';
import { type Fault, fault } from '../model/fault.ts';
import type { ReplicaState } from '../model/status.ts';
import type { CatchUp } from '../lag/catch-up.ts';
import { alternatesIn, type Peers } from '../peers/peers.ts';

export type Phase = 'starting' | 'grace' | 'open' | 'shutting-down' | 'failed';

type State =
  | { readonly kind: 'starting'; readonly isAskedToEnd: boolean }
  | { readonly kind: Exclude<Phase, 'starting'> }
  | { readonly kind: 'halting'; readonly from: Phase };

export class Lifecycle {
  #state: State = { kind: 'starting', isAskedToEnd: false };

  /** While the replica halts: the phase from which it does. */
  get phase(): Phase {
    return this.#state.kind === 'halting' ? this.#state.from : this.#state.kind;
  }

  get isOpen(): boolean {
    return this.#state.kind === 'open';
  }

  /** It may become open, or may have caught up. */
  get isRunning(): boolean {
    return this.#state.kind === 'open' || this.#state.kind === 'grace';
  }

  get isInGrace(): boolean {
    return this.#state.kind === 'grace';
  }

  get isHalting(): boolean {
    return this.#state.kind === 'halting';
  }

  // starting -> grace, shutting-down
  onRecovered(): void {
    const state = this.#state;
    assert(state.kind === 'starting', 'lifecycle: storage is read once');
    this.#state = { kind: state.isAskedToEnd ? 'shutting-down' : 'grace' };
  }

  // grace -> open
  open(): void {
    assert(this.isInGrace, 'lifecycle: a replica opens after its grace');
    this.#state = { kind: 'open' };
  }

  // grace, open -> shutting-down; starting -> starting, which then shuts down
  shutDown(): void {
    if (this.#state.kind === 'starting') this.#state = { kind: 'starting', isAskedToEnd: true };
    else if (this.isRunning) this.#state = { kind: 'shutting-down' };
  }

  // * -> failed
  fail(): void {
    this.#state = this.isHalting ? { kind: 'halting', from: 'failed' } : { kind: 'failed' };
  }

  // * -> halting
  halt(): void {
    this.#state = { kind: 'halting', from: this.phase };
  }

  /** The host stops for good, in order or because something failed. */
  stop(): void {
    assert(this.isHalting, 'lifecycle: a replica halts before it stops');
    if (this.phase !== 'shutting-down') this.fail();
  }
}

export function stateOf(
  phase: Phase,
  catchUp: Pick<CatchUp, 'isReturning' | 'isCaughtUp'>,
  isDrained: boolean,
  isMeasuring: boolean,
): ReplicaState {
  switch (phase) {
    case 'starting':
      return 'starting';
    case 'grace':
      return catchUp.isReturning ? 'catching-up' : 'starting';
    case 'open':
      if (isDrained) return 'draining';
      return catchUp.isCaughtUp && !isMeasuring ? 'serving' : 'catching-up';
    case 'shutting-down':
      return 'draining';
    case 'failed':
      return 'failed';
    default:
      return unreachable(phase);
  }
}

const FAILED = 'the disk of this replica has failed; nothing happened. Use another replica';

/** The refusal of a replica that accepts no requests; `undefined` if it accepts them. */
export function closedFault(
  phase: Phase,
  { isReturning }: Pick<CatchUp, 'isReturning'>,
  peers: Peers,
): Fault | undefined {
  if (phase === 'open' && !isReturning) return undefined;
  if (phase === 'failed') return fault('storage-failed', FAILED);
  if (phase === 'shutting-down')
    return fault(
      'draining',
      'the replica is shutting down; nothing happened. Use another replica',
      {
        alternates: alternatesIn(peers),
        retryAfterMs: 1000,
      },
    );
  const what = isReturning ? 'is recovering data that it lost' : 'is still starting';
  return fault('catching-up', `the replica ${what}`, { retryAfterMs: 1000 });
}
