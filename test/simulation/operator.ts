// The operator whose cluster changes its members while faults continue: it adds a spare replica,
// with an empty directory, and removes a dead one, whose directory may come back. It asks one
// running member after the other until a change is done, and meanwhile does not start the replica
// that it has given up.
//
// Only spares are given up, and only if another replica holds everything that they hold, because
// what no other replica holds would be lost. The replica whose disk may be lost must be whole at
// that time: it votes only when it has heard all others, so a dead member together with a lost disk
// would leave four members without a majority.

import type { Prng } from '../../src/base/prng.ts';
import type { Asked, Cluster, Replica } from '../cluster/cluster.ts';
import { VICTIM } from './plan.ts';

export interface OperatorEvents {
  readonly onKill: (replica: number) => void;
  readonly onRestart: (replica: number) => void;
}

const ASK_AGAIN_MS = 500;
const ASKED_MS = 5000;

export class Operator {
  /** The changes that were completed. */
  joined = 0;
  forgotten = 0;
  /** The largest number of members so far. */
  seatsMost: number;
  readonly #cluster: Cluster;
  readonly #dice: Prng;
  readonly #events: OperatorEvents;
  #isBusy = false;

  constructor(cluster: Cluster, dice: Prng, events: OperatorEvents) {
    this.#cluster = cluster;
    this.seatsMost = cluster.members.length;
    this.#dice = dice;
    this.#events = events;
  }

  /** The members after the last change. */
  get seats(): number {
    return this.#cluster.members.length + this.joined - this.forgotten;
  }

  /** No change is in progress. */
  get isDone(): boolean {
    return !this.#isBusy;
  }

  /** Begins a change; returns its description, or `undefined` if there is nothing to change. */
  act(): string | undefined {
    if (this.#isBusy) return undefined;
    const spares = this.#cluster.replicas.slice(this.#cluster.members.length);
    const lost = spares.find((spare) => spare.isInvited && this.#isWholeElsewhere(spare));
    if (lost !== undefined && this.#isVictimWhole() && this.#dice.chance(0.7))
      return this.#giveUp(lost);
    const spare = spares.find((one) => !one.isInvited || one.isForgotten);
    return spare === undefined ? undefined : this.#takeIn(spare);
  }

  #takeIn(spare: Replica): string {
    const { index } = spare;
    const isEarly = this.#dice.chance(0.5);
    if (spare.isInvited) spare.renew();
    if (isEarly) this.#start(spare);
    this.#insist(this.#cluster.joinOf(index, ASKED_MS), () => {
      this.joined++;
      this.seatsMost = Math.max(this.seatsMost, this.seats);
      this.#start(spare);
    });
    return `${index} joins, ${isEarly ? 'running' : 'not started'}`;
  }

  #giveUp(spare: Replica): string {
    const { index } = spare;
    this.#events.onKill(index);
    this.#cluster.crash(index);
    spare.isGivenUp = true;
    this.#insist(this.#cluster.forgetOf(index, true, ASKED_MS), () => {
      this.forgotten++;
      if (this.#dice.chance(0.5)) this.#bringBack(spare);
    });
    return `${index} is dead and forgotten`;
  }

  /** Starts the old directory again, hidden from clients: the members must refuse it. */
  #bringBack(spare: Replica): void {
    spare.isGivenUp = false;
    spare.isHidden = true;
    spare.start();
  }

  #start(spare: Replica): void {
    const wasRunning = spare.isRunning;
    spare.invite();
    if (!wasRunning) this.#events.onRestart(spare.index);
  }

  #insist(asked: Asked, then: () => void): void {
    this.#isBusy = true;
    const again = (): void => {
      this.#cluster.world.after(ASK_AGAIN_MS, () => this.#insist(asked, then));
    };
    const members = this.#cluster.replicas.filter(
      ({ index, isRunning, isPaused }) =>
        index < this.#cluster.members.length && isRunning && !isPaused,
    );
    const by = members[this.#dice.below(Math.max(1, members.length))];
    if (by === undefined) return again();
    this.#cluster.begin(by.index, asked, ({ outcome }) => {
      const isDone = typeof outcome === 'object' && outcome.kind === 'membership';
      const isGone =
        typeof outcome === 'object' &&
        outcome.kind === 'failed' &&
        outcome.fault.detail.endsWith('is not a member');
      if (!isDone && !isGone) return again();
      this.#isBusy = false;
      then();
    });
  }

  #isVictimWhole(): boolean {
    return this.#cluster.replica(VICTIM).status()?.self.state === 'serving';
  }

  /** Another running replica holds everything that it holds, and has never lost its disk. */
  #isWholeElsewhere(spare: Replica): boolean {
    const status = spare.status();
    if (status === undefined || spare.isPaused) return false;
    return this.#cluster.replicas.some((replica) => {
      const holds = new Map(replica.status()?.self.vector ?? []);
      const isOther = replica.index !== spare.index && !replica.isGivenUp && !replica.isHidden;
      return isOther && status.self.vector.every(([of, seq]) => (holds.get(of) ?? 0) >= seq);
    });
  }
}
