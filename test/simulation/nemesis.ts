// Carries out the timetable of a plan. Every fault begins, lasts, and ends, and its effect is
// recorded as evidence. A strike that found no target is recorded as such, so that a run without
// faults does not count as one that survived them.

import { ROOM_FULL, ROOM_LOW, ROOM_UNBOUNDED } from '../../src/model/disk.ts';
import type { Prng } from '../../src/base/prng.ts';
import { decodeRecord } from '../../src/model/encoding.ts';
import { encodedOf, isTombstone, type Record, recordOf } from '../../src/model/record.ts';
import { entriesIn } from '../../src/store/block.ts';
import { includes } from '../../src/conflict/merge.ts';
import { allLogs, allRecords, recordKey } from '../../src/store/layout.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { MemoryDisk } from '../cluster/memory-disk.ts';
import type { Outcome } from '../cluster/memory-storage.ts';
import { Operator } from './operator.ts';
import { type Plan, type Strike, VICTIM } from './plan.ts';
import { SILENT } from './workload.ts';

export interface NemesisEvents {
  /** Called when a process ended or began, so that its clients know it. */
  readonly onProcess: (what: 'kill' | 'restart' | 'pause', replica: number) => void;
  /** Called when a process died while it copied a snapshot. */
  readonly onInterrupt: () => void;
  /** The effect of a strike; `undefined` if it found no target. */
  readonly onStrike: (strike: Strike, evidence: string | undefined) => void;
}

const RESTART_MS = 50;
/** The time for a start and its first commit. */
const STARTING_MS = 10;
/** If the severity is at least this, a process that has ended ends again while it starts. */
const STARTING_ROLL = 0.7;
/** Within this time a replica that needs a snapshot has begun to copy one. */
const COPY_MS_MAX = 4000;
/** After this time every replica has heard of the new reading of a clock. */
const SEEN_MS = 2000;
const SET_RIGHT = 'clocks are set right';
const JUMPS_MS = [-600_000, -5000, -100, 100, 5000, 600_000];

export function jumpMsOf({ roll }: Strike): number {
  return JUMPS_MS[Math.floor(roll * JUMPS_MS.length)] as number;
}

/**
 * What the victim accepted before its quiet time has expired by then, and the victim has deleted
 * it.
 */
const LAST_OWN_MS = 5000;

interface Copy {
  readonly atMs: number;
  readonly disk: MemoryDisk;
  readonly identity: number;
}

export class Nemesis {
  readonly #cluster: Cluster;
  readonly #dice: Prng;
  readonly #events: NemesisEvents;
  readonly #plan: Plan;
  readonly operator: Operator;
  /** Copies of the victim's directory, the oldest first. */
  readonly #copies: Copy[] = [];
  /** Until when each clock counts as wrong. */
  readonly #wrong = new Map<number, number>();
  #underway = 0;
  /** Everything is healed. */
  #isOver = false;
  /** The most faults that were active at the same time. */
  mostAtOnce = 0;

  constructor(cluster: Cluster, plan: Plan, dice: Prng, events: NemesisEvents) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#dice = dice;
    this.#events = events;
    this.operator = new Operator(cluster, dice.split('operator'), {
      onKill: (replica) => events.onProcess('kill', replica),
      onRestart: (replica) => events.onProcess('restart', replica),
    });
  }

  begin(): void {
    const { world } = this.#cluster;
    for (const strike of this.#plan.strikes) {
      world.after(strike.atMs, () => {
        this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#underway);
        const evidence = this.#strike(strike);
        this.#events.onStrike(strike, evidence);
        world.after(strike.untilMs - strike.atMs, () => {
          this.#underway--;
          this.#end(strike);
        });
      });
    }
    if (this.#plan.classes.includes('restore')) this.#keepCopies();
  }

  /** Every fault that is still active ends. */
  healAll(): void {
    this.#isOver = true;
    const { replicas, network } = this.#cluster;
    network.healAll();
    for (const { index } of replicas) {
      this.#widen(index);
      this.#calm(index);
      this.#cluster.replica(index).setClockRight();
      if (this.#cluster.replica(index).isPaused) this.#cluster.resume(index);
      this.#restart(index);
    }
  }

  #strike(strike: Strike): string | undefined {
    const { target, other, roll } = strike;
    const { network, replicas } = this.#cluster;
    const replica = this.#cluster.replica(target);
    switch (strike.fault) {
      case 'kill':
        return this.#kill(this.#victims(target, roll), 'kill');
      case 'power':
        return this.#kill(this.#victims(target, roll), 'power');
      case 'storm':
        return this.#storm(strike);
      case 'pause':
        if (!replica.isRunning || replica.isPaused) return undefined;
        this.#cluster.pause(target);
        this.#events.onProcess('pause', target);
        return 'the process is paused';
      case 'cut':
        this.#cluster.cut(target, other);
        return `the link to ${other} is cut in both directions`;
      case 'one-way':
        network.cut(target, other);
        return `frames to ${other} are lost`;
      case 'ring':
        return this.#ring(target);
      case 'break':
        network.sever(target, other);
        return `the connection to ${other} ends`;
      case 'noise':
        network.disturb(target, other);
        return `a bit of a frame to ${other} changes`;
      case 'loss':
        for (const { index } of replicas)
          if (index !== target) network.way(target, index).lossRate = 0.01 + 0.2 * roll;
        return 'packets are lost';
      case 'repeat':
        network.way(target, other).repeatRate = 0.05 + 0.3 * roll;
        return `frames arrive twice at ${other}`;
      case 'overtake':
        network.way(target, other).overtakeRate = 0.02 + 0.1 * roll;
        return `frames to ${other} change their order`;
      case 'clog':
        for (const { index } of replicas)
          if (index !== target) network.way(target, index).bytesPerMs = 0.5 + 8 * roll;
        return 'the outgoing link is narrow';
      case 'slow-disk':
        return this.#slow(target, 50 + 250 * roll);
      case 'hung-disk':
        if (replica.storage === undefined) return undefined;
        replica.storage.hang();
        return 'commits hang';
      case 'failed-disk':
        if (replica.storage === undefined) return undefined;
        replica.storage.failNextCommit('EIO', this.#coin());
        return 'the next commit fails';
      case 'full-disk':
        return this.#fill(target, roll);
      case 'damage':
        return this.#damage();
      case 'vanish':
        return this.#vanish(roll);
      case 'jump':
      case 'blip':
        return this.#jump(strike);
      case 'skew':
        return this.#skew(strike);
      case 'restore':
        return this.#restore();
      case 'wipe':
        return this.#wipe();
      case 'membership':
        return this.operator.act();
    }
  }

  #end({ fault, target, other, roll }: Strike): void {
    switch (fault) {
      case 'kill':
      case 'power':
        for (const { index } of this.#cluster.replicas) this.#restart(index);
        if (roll >= STARTING_ROLL) this.#killStarting(target, fault);
        return;
      case 'storm':
        for (const { index } of this.#cluster.replicas) this.#restart(index);
        return;
      case 'pause':
        return this.#cluster.resume(target);
      case 'cut':
        return this.#cluster.heal(target, other);
      case 'one-way':
        return this.#cluster.network.heal(target, other);
      case 'ring':
        return this.#cluster.network.healAll();
      case 'loss':
      case 'clog':
      case 'repeat':
      case 'overtake':
        return this.#widen(target);
      case 'slow-disk':
      case 'hung-disk':
      case 'full-disk':
        return this.#calm(target);
      case 'restore':
      case 'wipe':
        this.#restart(VICTIM);
        if (roll < 0.6) this.#interrupt(this.#cluster.nowMs + COPY_MS_MAX);
        return;
      case 'break':
      case 'noise':
      case 'failed-disk':
      case 'damage':
      case 'vanish':
      case 'jump':
      case 'skew':
      case 'membership':
        return;
      case 'blip':
        return this.#setRight(target);
    }
  }

  /** Ends one process, or sometimes all at the same time. */
  #victims(target: number, roll: number): readonly number[] {
    return roll < 0.2 ? this.#cluster.replicas.map(({ index }) => index) : [target];
  }

  #kill(victims: readonly number[], how: 'kill' | 'power'): string | undefined {
    const running = victims.filter((n) => this.#cluster.replica(n).isRunning);
    for (const victim of running) {
      this.#events.onProcess('kill', victim);
      if (how === 'kill') this.#cluster.crash(victim, this.#coin());
      else this.#cluster.powerCut(victim, this.#coin());
    }
    return running.length === 0 ? undefined : `${running.join(' and ')} ended`;
  }

  /**
   * The process ends again while it reads its disk, replays its logs, or has just begun to serve.
   */
  #killStarting(target: number, how: 'kill' | 'power'): void {
    const { world } = this.#cluster;
    world.after(STARTING_MS * this.#dice.next(), () => {
      if (this.#isOver) return;
      this.#kill([target], how);
      world.after(RESTART_MS, () => this.#restart(target));
    });
  }

  /** The process ends and begins again, several times a second. */
  #storm({ target, untilMs }: Strike): string | undefined {
    const again = (): void => {
      if (this.#cluster.nowMs >= untilMs) return;
      this.#kill([target], 'kill');
      this.#cluster.world.after(RESTART_MS, () => this.#restart(target));
      this.#cluster.world.after(RESTART_MS + 100 + this.#dice.below(900), again);
    };
    again();
    return `${target} ends repeatedly`;
  }

  #restart(index: number): void {
    if (this.#cluster.replica(index).isRunning) return;
    this.#cluster.restart(index);
    if (!this.#cluster.replica(index).isRunning) return;
    this.#events.onProcess('restart', index);
  }

  /**
   * Each replica reaches a majority, and each majority is a different one (Jepsen's majorities
   * ring).
   */
  #ring(from: number): string | undefined {
    const count = this.#cluster.replicas.length;
    if (count < 3) return undefined;
    for (let n = 0; n < count; n++) {
      const far = (from + n + Math.ceil(count / 2)) % count;
      if (far !== (from + n) % count) this.#cluster.network.cut((from + n) % count, far);
    }
    return 'each replica sees another majority';
  }

  #widen(target: number): void {
    const { network, replicas } = this.#cluster;
    for (const { index } of replicas) {
      if (index === target) continue;
      const way = network.way(target, index);
      way.lossRate = way.repeatRate = way.overtakeRate = 0;
      way.widen();
    }
  }

  #slow(target: number, commitMs: number): string | undefined {
    const { storage } = this.#cluster.replica(target);
    if (storage === undefined) return undefined;
    storage.commitMs = commitMs;
    return `a commit takes ${Math.round(commitMs)} ms`;
  }

  /**
   * Almost full, which the replica measures in time; or full, which it learns from a failing
   * commit.
   */
  #fill(target: number, roll: number): string | undefined {
    const replica = this.#cluster.replica(target);
    if (replica.host === undefined) return undefined;
    if (roll < 0.5) {
      replica.host.disk(roll < 0.25 ? ROOM_LOW : ROOM_FULL);
      return 'the disk is almost full';
    }
    replica.isFull = true;
    return 'the disk is full';
  }

  #calm(target: number): void {
    const replica = this.#cluster.replica(target);
    replica.isFull = false;
    if (replica.storage !== undefined) replica.storage.resetSpeed();
    replica.host?.disk(ROOM_UNBOUNDED);
  }

  /** Changes a bit of one stored record. */
  #damage(): string | undefined {
    const { disk } = this.#cluster.replica(VICTIM);
    const everything = { ...allRecords(), reverse: false, limit: 10_000, bytesMax: 1e9 };
    const result = disk.range(everything);
    if (!result.ok || result.entries.length === 0) return undefined;
    const entry = result.entries[this.#dice.below(result.entries.length)];
    if (entry === undefined) return undefined;
    disk.flip(entry.key, this.#dice.below(entry.value.length * 8));
    return 'a bit of a record changed';
  }

  /**
   * Records on the victim's disk are deleted, or replaced by older ones, without an error. Another
   * disk has the lost ones. Only keys that no client reads before the end are chosen: until the
   * loss is found, a read of them is wrong.
   */
  #vanish(roll: number): string | undefined {
    const { disk } = this.#cluster.replica(VICTIM);
    const hit: string[] = [];
    for (let count = 1 + Math.floor(roll * 3); count > 0; count--) {
      const records = recordsOf(disk, SILENT).filter((record) => this.#isElsewhere(record));
      const record = records[this.#dice.below(Math.max(records.length, 1))];
      if (record === undefined) break;
      const key = recordKey(record.namespace, record.key);
      const older = this.#coin() === 'kept' ? this.#older(record) : undefined;
      disk.write({ keys: [key], values: [older && encodedOf(older)] }, true);
      hit.push(`${record.key} is ${older === undefined ? 'gone' : 'replaced by an older version'}`);
    }
    return hit.length === 0 ? undefined : hit.join(', ');
  }

  #isElsewhere(record: Record): boolean {
    return this.#cluster.replicas.some(({ index, disk }) => {
      if (index === VICTIM) return false;
      const bytes = disk.get(recordKey(record.namespace, record.key));
      const other = bytes instanceof Uint8Array ? decodeRecord(bytes) : undefined;
      return includes(other, record);
    });
  }

  /** A version of the same key that the victim's logs still have. */
  #older(record: Record): Record | undefined {
    const all = { ...allLogs(), reverse: false, limit: 10_000, bytesMax: 1e9 };
    const result = this.#cluster.replica(VICTIM).disk.range(all);
    if (!result.ok) return undefined;
    return [...entriesIn(result.entries)]
      .map((entry) => entry && recordOf(entry))
      .find(
        (entry) =>
          entry !== undefined &&
          entry.namespace === record.namespace &&
          entry.key === record.key &&
          !isTombstone(entry) &&
          !includes(entry, record),
      );
  }

  #jump(strike: Strike): string | undefined {
    if (!this.#cluster.replica(strike.target).isRunning) return undefined;
    if (this.#wouldBeMajority(strike.target)) return SET_RIGHT;
    this.#wrong.set(strike.target, Number.POSITIVE_INFINITY);
    this.#cluster.jump(strike.target, jumpMsOf(strike));
    return `the clock jumps by ${jumpMsOf(strike)} ms`;
  }

  /** The clock gains or loses up to a fifth of a second in each second. */
  #skew({ target, roll }: Strike): string | undefined {
    if (!this.#cluster.replica(target).isRunning) return undefined;
    if (this.#wouldBeMajority(target)) return SET_RIGHT;
    this.#wrong.set(target, Number.POSITIVE_INFINITY);
    const msPerSecond = Math.round((roll - 0.5) * 400);
    this.#cluster.replica(target).skew(msPerSecond);
    return `the clock gains ${msPerSecond} ms a second`;
  }

  /**
   * A majority of wrong clocks is believed. So if one more would make a majority, all wrong ones
   * are set right instead; they count as wrong until all replicas have noticed.
   */
  #wouldBeMajority(target: number): boolean {
    const { nowMs, members } = this.#cluster;
    const wrong = [...this.#wrong].filter(([n, untilMs]) => n !== target && untilMs > nowMs);
    if (wrong.length < Math.max(1, Math.ceil(members.length / 2) - 1)) return false;
    for (const [n] of wrong) this.#setRight(n);
    return true;
  }

  #setRight(n: number): void {
    this.#cluster.replica(n).setClockRight();
    if (this.#wrong.get(n) === Number.POSITIVE_INFINITY)
      this.#wrong.set(n, this.#cluster.nowMs + SEEN_MS);
  }

  #keepCopies(): void {
    const { disk, identity } = this.#cluster.replica(VICTIM);
    this.#copies.push({ atMs: this.#cluster.nowMs, disk: disk.copy(), identity });
    this.#cluster.world.after(5000, () => this.#keepCopies());
  }

  /** The directory in an earlier state. */
  #restore(): string | undefined {
    const { quietFromMs = 0 } = this.#plan;
    const quiet = this.#copies.filter(({ atMs }) => atMs >= quietFromMs + LAST_OWN_MS);
    const copies = quiet.length === 0 ? this.#copies : quiet;
    const copy = copies[this.#dice.below(Math.max(1, copies.length))];
    if (copy === undefined || !this.#isWhole()) return undefined;
    this.#kill([VICTIM], 'kill');
    const replica = this.#cluster.replica(VICTIM);
    replica.disk = copy.disk.copy();
    replica.identity = copy.identity;
    return 'the process starts with an old copy of its directory';
  }

  #wipe(): string | undefined {
    if (!this.#isWhole()) return undefined;
    this.#kill([VICTIM], 'kill');
    this.#cluster.replica(VICTIM).wipe();
    return 'the directory is deleted';
  }

  /** The process of the replica dies again while it copies a snapshot, if it copies one. */
  #interrupt(untilMs: number): void {
    const { world, nowMs } = this.#cluster;
    if (this.#isOver || nowMs > untilMs) return;
    const metrics = this.#cluster.replica(VICTIM).host?.metrics;
    if (metrics === undefined || metrics.snapshotChunksReceived <= metrics.snapshotsReceived) {
      world.after(1 + this.#dice.below(20), () => this.#interrupt(untilMs));
    } else if (metrics.snapshotsReceived === 0) {
      this.#events.onInterrupt();
      this.#kill([VICTIM], 'kill');
      world.after(RESTART_MS, () => this.#restart(VICTIM));
    }
  }

  /** Another replica holds everything that the victim holds, so the last good copy remains. */
  #isWhole(): boolean {
    const victim = this.#cluster.replica(VICTIM).status()?.self.vector;
    if (victim === undefined || !this.operator.isDone) return false;
    return this.#cluster.replicas.some((replica) => {
      const holds = new Map(replica.status()?.self.vector ?? []);
      return replica.index !== VICTIM && victim.every(([of, seq]) => (holds.get(of) ?? 0) >= seq);
    });
  }

  #coin(): Outcome {
    return this.#dice.chance(0.5) ? 'kept' : 'lost';
  }
}

/** The live, undamaged records of a namespace on a disk. */
function recordsOf(disk: MemoryDisk, namespace: string): Record[] {
  const result = disk.range({ ...allRecords(), reverse: false, limit: 10_000, bytesMax: 1e9 });
  if (!result.ok) return [];
  return result.entries
    .map(({ value }) => decodeRecord(value))
    .filter((record) => record !== undefined)
    .filter((record) => record.namespace === namespace && !isTombstone(record));
}
