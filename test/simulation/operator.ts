// The operator whose cluster changes its members while faults go on: takes a spare replica in, with
// an empty directory, and takes a dead one out, whose directory may come back. It asks one running
// member after the other until a change is done, and never starts in between what it has given up.
//
// Only spares are given up, and only when another replica holds all that they do: what no other
// holds would be lost with them, as it has to be. And only while the one whose disk may be lost is
// whole: it votes again when it has heard all others, so a dead member and a lost disk at one time
// leave four members without a majority.

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
  /** Changes that were carried through. */
  joined = 0;
  forgotten = 0;
  /** Most members at one time. */
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

  /** As the last change has left them. */
  get seats(): number {
    return this.#cluster.members.length + this.joined - this.forgotten;
  }

  /** No change is under way. */
  get isDone(): boolean {
    return !this.#isBusy;
  }

  /** Begins a change; says what it does, or nothing where there is nothing to change. */
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

  /** The old directory is started once more, out of reach of clients: it must be turned away. */
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

  /** Another that runs holds all that it does, and was never without a disk. */
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
