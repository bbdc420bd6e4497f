// Clients of a simulated run, and the history of what they saw. Some overwrite and delete a few
// keys of an eventual namespace; others add to a fifo namespace, each through its own replica,
// under keys that grow with its count, and scan it from the end. The seed decides all their
// actions.

import { present } from '../../src/base/assert.ts';
import type { Prng } from '../../src/base/prng.ts';
import type { OnUnmet } from '../../src/model/command.ts';
import { isDefinite } from '../../src/model/fault.ts';
import { majority, type QuorumSpec } from '../../src/model/quorum.ts';
import { formatDot, type Key } from '../../src/model/id.ts';
import { latestOf, type Version } from '../../src/model/record.ts';
import type { Reply } from '../../src/model/reply.ts';
import { ALL_GUARANTEES } from '../../src/model/guarantees.ts';
import {
  NEW_SESSION,
  type Session,
  type SessionFacts,
  sessionAfter,
} from '../../src/model/session.ts';
import type { Staleness } from '../../src/model/staleness.ts';
import type { FaultName, Item, Level, Operation, Write } from '../checkers/operation.ts';
import { text } from '../support/build.ts';
import {
  type Asked,
  type Call,
  type Cluster,
  delOf,
  getOf,
  listOf,
  putOf,
  runOf,
} from '../cluster/cluster.ts';
import type { Operator } from './operator.ts';
import { VICTIM } from './plan.ts';

export const NAMESPACES = {
  ev: { consistency: 'eventual' },
  fi: { consistency: 'fifo' },
  lt: { consistency: 'eventual', staleAfter: { timeMs: 1500 } },
  ch: { consistency: 'eventual', pauseLagMs: 150, minServing: 1 },
  fl: { consistency: 'fifo', staleAfter: { timeMs: 1500 } },
  st: { consistency: 'eventual' },
  er: { consistency: 'eventual' },
  ru: { consistency: 'eventual' },
  ra: { consistency: 'eventual' },
  se: { consistency: 'eventual' },
  ca: { consistency: 'causal' },
  cb: { consistency: 'causal' },
  un: { consistency: 'causal', causalScope: 'unit' },
} as const;
/**
 * Keys that are written all the time and not read before the end, because disks may lose them
 * without an error.
 */
export const SILENT = 'st';
export type Space = keyof typeof NAMESPACES;
const SPACES = Object.keys(NAMESPACES) as Space[];

/** Where clients with sessions write and read: any key of one namespace, or of three. */
const SESSION_KEYS: readonly Site[] = sitesOf('se', ['w0', 'w1', 'w2', 'w3']);
const CAUSAL_KEYS: readonly Site[] = [
  ...sitesOf('ca', ['x', 'y', 'z']),
  ...sitesOf('cb', ['x', 'y']),
  ...sitesOf('un', ['u0/x', 'u0/y', 'u1/x', 'u1/y']),
];
const RELATED = 3;

interface Site {
  readonly ns: Space;
  readonly key: string;
}

/** Where every client appends. */
type FifoSpace = 'fi' | 'fl';

/**
 * A plain read of a key that is written at most once, and the staleness bound that its reply
 * claimed.
 */
export interface BoundedRead {
  readonly key: string;
  readonly atMs: number;
  readonly isAbsent: boolean;
  readonly stalenessMs: Staleness;
  /** What the client allowed. */
  readonly boundMs: number | undefined;
}

/** The time-out of a client that is in no hurry. */
const TIMEOUT_MS = 1500;
/** Some reads have a short time-out. */
const HURRY_SHARE = 0.3;
const HURRY_MS_MIN = 200;
/** After this time a client gives up waiting for an answer. */
export const CLIENT_WAITS_MS = 2500;
const RETRY_SHARE = 0.5;
const TWIN_SHARE = 0.3;
const SCAN_LIMIT = 1000;
/** Reads that name the staleness which they allow. */
const BOUNDED_SHARE = 0.3;
export const BOUND_MS = 500;
/** Clients of the namespaces whose lag is bounded. */
const BOUNDED = ['lt', 'ch', 'fl'] as const;
const DUELS = 5;
const BYSTANDER_THINK_MS = 15;
/**
 * From its start until it holds what its peers had when they greeted it, the victim is asked all
 * the time.
 */
const OPENING_MS = 500;

/** The part of a plan that describes the clients. */
export interface Shape {
  readonly keys: number;
  readonly valueBytes: number;
  readonly copiesMin: number;
  readonly quietFromMs?: number | undefined;
}

export class Workload {
  readonly history: Operation[] = [];
  readonly bounded: BoundedRead[] = [];
  /** The client that changes the members, if there is one. */
  operator: Operator | undefined;
  readonly #cluster: Cluster;
  readonly #shape: Shape;
  #processes = 0;
  #values = 0;

  constructor(cluster: Cluster, shape: Shape) {
    this.#cluster = cluster;
    this.#shape = shape;
  }

  /** Starts clients 0 to `count - 1`; each runs until `untilMs`. */
  begin(count: number, dice: Prng, thinkMs: number, untilMs: number): void {
    for (let duel = 0; duel < DUELS; duel++)
      this.#cluster.world.after((untilMs * (duel + 1)) / DUELS, () => this.#duel());
    for (let client = 0; client < count; client++) {
      const own = dice.split(`client ${client}`);
      const each =
        client % 2 === 0 ? new Overwriter(this, own) : new Appender(this, own, 'fi', client);
      this.#loop({ each, session: `s${client}`, dice: own, thinkMs, untilMs }, this.nextProcess());
    }
    this.#beginBounded(dice, thinkMs, untilMs);
  }

  /** Starts them beside the others, each with a stream of random numbers of its own. */
  #beginBounded(dice: Prng, thinkMs: number, untilMs: number): void {
    for (const ns of BOUNDED) {
      const own = dice.split(`client ${ns}`);
      const each = ns === 'fl' ? new Appender(this, own, ns, 0) : new Follower(this, own, ns);
      const client = { each, session: ns, dice: own, untilMs };
      this.#loop({ ...client, thinkMs: thinkMs / 2 }, this.nextProcess());
    }
  }

  /** One more client, which deletes at one replica what it has just written at another. */
  erase(dice: Prng, isWide: boolean, thinkMs: number, untilMs: number): void {
    const each = new Eraser(this, dice, isWide);
    this.#loop({ each, session: 'eraser', dice, thinkMs, untilMs }, this.nextProcess());
  }

  /** Two more clients, which write batches and read them. */
  batch(dice: Prng, thinkMs: number, untilMs: number): void {
    for (let n = 0; n < 2; n++) {
      const own = dice.split(`batch ${n}`);
      const client = { each: new Batcher(this, own), session: `batch${n}`, dice: own };
      this.#loop({ ...client, thinkMs, untilMs }, this.nextProcess());
    }
  }

  /** Two more clients, which write sets of keys, delete what a list of a set shows, and read it. */
  clear(dice: Prng, isWide: boolean, thinkMs: number, untilMs: number): void {
    for (let n = 0; n < 2; n++) {
      const own = dice.split(`clear ${n}`);
      const client = { each: new Clearer(this, own, isWide), session: `clear${n}`, dice: own };
      this.#loop({ ...client, thinkMs, untilMs }, this.nextProcess());
    }
  }

  /** Two more clients, which ask any replica, each with a session of its own. */
  wander(dice: Prng, thinkMs: number, untilMs: number): void {
    for (let n = 0; n < 2; n++) {
      const own = dice.split(`wander ${n}`);
      this.#wander(own, SESSION_KEYS, `wander${n}`, thinkMs, untilMs);
    }
  }

  /** Clients that react to each other through any replica, and one that only looks on. */
  relate(dice: Prng, thinkMs: number, untilMs: number): void {
    for (let n = 0; n < RELATED; n++)
      this.#wander(dice.split(`related ${n}`), CAUSAL_KEYS, `related${n}`, thinkMs / 2, untilMs);
    const own = dice.split('onlooker');
    const client = { each: new Onlooker(this, own), session: 'onlooker', dice: own };
    this.#loop({ ...client, thinkMs, untilMs }, this.nextProcess());
  }

  #wander(
    dice: Prng,
    sites: readonly Site[],
    session: string,
    thinkMs: number,
    untilMs: number,
  ): void {
    const factsAt = (node: number): SessionFacts | undefined =>
      this.#cluster.replica(node).host?.sessions;
    const each = new Wanderer(this, dice, sites, factsAt);
    this.#loop({ each, session, dice, thinkMs, untilMs }, this.nextProcess());
  }

  /** One more client, which only writes. */
  keep(dice: Prng, thinkMs: number, untilMs: number): void {
    const each = new Keeper(this, dice);
    this.#loop({ each, session: 'keeper', dice, thinkMs, untilMs }, this.nextProcess());
  }

  /**
   * One more client, if the victim has a quiet time: it reads at the victim whatever all replicas
   * have acknowledged.
   */
  stand(dice: Prng, untilMs: number): void {
    const { quietFromMs } = this.#shape;
    if (quietFromMs === undefined) return;
    const each = new Bystander(this, dice);
    const client = { each, session: 'bystander', dice, thinkMs: BYSTANDER_THINK_MS, untilMs };
    this.#cluster.world.after(quietFromMs, () => this.#loop(client, this.nextProcess()));
  }

  /** The replica that gets a write meant for `node`: not the victim during its quiet time. */
  taker(node: number): number {
    const { quietFromMs = Number.POSITIVE_INFINITY } = this.#shape;
    const isQuiet = node === VICTIM && this.#cluster.nowMs >= quietFromMs;
    return isQuiet ? node + 1 : node;
  }

  /** The victim has begun to run a moment ago. */
  get isVictimOpening(): boolean {
    const { isRunning, startedMs } = this.#cluster.replica(VICTIM);
    return isRunning && this.#cluster.nowMs - startedMs < OPENING_MS;
  }

  nextProcess(): number {
    return ++this.#processes;
  }

  nextValue(): string {
    return `v${++this.#values}`.padEnd(this.#shape.valueBytes, '.');
  }

  key(dice: Prng): string {
    return `k${dice.below(this.#shape.keys)}`;
  }

  /**
   * The number of copies that a write at `node` asks for. Only the victim's disk can lose what it
   * has acknowledged.
   */
  copies(dice: Prng, node: number): number {
    return Math.max(1 + dice.below(this.replicas), node === VICTIM ? this.#shape.copiesMin : 1);
  }

  /** The number of copies of a write with an idempotency key, which must take effect once. */
  get keyedQuorum(): 'all' | 'majority' {
    return this.isForgetful ? 'all' : 'majority';
  }

  /** A disk may lose what it has acknowledged. */
  get isForgetful(): boolean {
    return this.#shape.copiesMin > 1;
  }

  /** The number of replicas that a quorum can ask. */
  get replicas(): number {
    return this.operator?.seats ?? this.#cluster.members.length;
  }

  /** A replica that the cluster began with, or another one that clients can find. */
  node(dice: Prng): number {
    const { members, replicas } = this.#cluster;
    const found = replicas.filter(
      (replica) => replica.index < members.length || (replica.isRunning && !replica.isHidden),
    );
    return found[dice.below(found.length)]?.index ?? 0;
  }

  /** A replica that stays a member. */
  home(dice: Prng): number {
    return dice.below(this.#cluster.members.length);
  }

  /** Reads everything at every replica once all is quiet: by scan, and key by key. */
  final(): void {
    const process = this.nextProcess();
    for (const { index: node } of this.#cluster.seated()) {
      for (const ns of SPACES) this.#scanAll(node, ns, process);
      for (let n = 0; n < this.#shape.keys; n++) {
        const get = { node, ns: 'ev', type: 'get', key: `k${n}`, r: 1, final: true } as const;
        this.#ask(get, process, 'end');
      }
    }
  }

  #scanAll(node: number, ns: Space, process: number): void {
    let after = '';
    do {
      const scan = { node, ns, type: 'list', key: '', final: true, reverse: false, after } as const;
      const outcome = this.#ask(scan, process, 'end');
      after = typeof outcome === 'object' && outcome.kind === 'listed' ? outcome.after : '';
    } while (after !== '');
  }

  fault(value: FaultName, node: number): void {
    const now = toNs(this.#cluster.nowMs);
    const times = { call_ns: now, return_ns: now };
    const rest = { ns: '', level: 'eventual', key: '', ok: true, result: '', ver: null } as const;
    const who = { process: 0, session: 'nemesis', node: `${node}` };
    this.history.push({ type: 'fault', value, ...who, ...times, ...rest });
  }

  /**
   * All replicas accept a write of every key at the same instant, so that stamps are equal and the
   * tie-break decides.
   */
  #duel(): void {
    for (let n = 0; n < this.#shape.keys; n++) {
      for (const { index: node } of this.#cluster.members) {
        if (this.taker(node) !== node) continue;
        const value = this.nextValue();
        const w = Math.min(2, this.#cluster.members.length);
        const put = { node, ns: 'ev', key: `k${n}`, type: 'put', value, w } as const;
        const process = this.nextProcess();
        const onEnd = (ended: Call): unknown => this.#record(put, ended, process, `d${process}`);
        const call = this.#cluster.begin(node, commandOf(put), onEnd);
        this.#cluster.world.after(CLIENT_WAITS_MS, () => this.#cluster.giveUp(call));
      }
    }
  }

  #ask(step: Step, process: number, session: string): Outcome {
    const call = this.#cluster.begin(step.node, commandOf(step));
    const outcome = this.#cluster.answer(call);
    this.#record(step, call, process, session);
    return outcome;
  }

  #loop(client: Client, process: number): void {
    const { each, dice, thinkMs, untilMs } = client;
    const pauseMs = each.isInHaste === true ? 1 : thinkMs;
    this.#cluster.world.after(pauseMs * 2 * dice.next(), () => {
      if (this.#cluster.nowMs >= untilMs) return;
      this.#try(client, this.#hurried(each.next(), dice), process);
    });
  }

  #hurried(step: Step, dice: Prng): Step {
    const isRead = step.type === 'get' || step.type === 'list';
    if (!isRead || !dice.chance(HURRY_SHARE)) return step;
    return { ...step, timeoutMs: HURRY_MS_MIN + dice.below(TIMEOUT_MS - HURRY_MS_MIN) };
  }

  /**
   * A write of unknown outcome is retried under the same idempotency key, at the same replica or
   * another one, or is left alone. Some are sent to two replicas at the same time, and some are
   * sent again to another replica although they were answered, as if the answer had been lost.
   */
  #try(client: Client, drawn: Step, process: number): void {
    const { session, dice } = client;
    const step = this.#taken(drawn);
    if ('idem' in step && dice.chance(TWIN_SHARE)) this.#repeat(client, step);
    const call = this.#cluster.begin(step.node, commandOf(step), (ended) => {
      const ok = this.#record(step, ended, process, session);
      client.each.onEnd?.(ok, ended.outcome);
      if (ok === true && 'idem' in step && dice.chance(TWIN_SHARE)) this.#repeat(client, step);
      if (ok !== null) this.#loop(client, process);
      else if ('idem' in step && dice.chance(RETRY_SHARE)) {
        const next = dice.chance(0.5) ? step : { ...step, node: this.node(dice) };
        this.#cluster.world.after(100, () => this.#try(client, next, this.nextProcess()));
      } else this.#loop(client, this.nextProcess());
    });
    this.#cluster.world.after(CLIENT_WAITS_MS, () => this.#cluster.giveUp(call));
  }

  /** The same write at another replica, by a process of its own. */
  #repeat({ session, dice }: Client, step: Step): void {
    const again = this.#taken({ ...step, node: this.node(dice) });
    const process = this.nextProcess();
    const call = this.#cluster.begin(again.node, commandOf(again), (ended) => {
      this.#record(again, ended, process, session);
    });
    this.#cluster.world.after(CLIENT_WAITS_MS, () => this.#cluster.giveUp(call));
  }

  #taken(step: Step): Step {
    const isRead = step.type === 'get' || step.type === 'list';
    return isRead ? step : { ...step, node: this.taker(step.node) };
  }

  #record(step: Step, call: Call, process: number, session: string): boolean | null {
    const { outcome } = call;
    const ok = okOf(outcome);
    const { node: asked, ns: space, key } = step;
    const node = this.#answererOf(outcome) ?? asked;
    const level: Level = NAMESPACES[space].consistency;
    const times = { call_ns: toNs(call.beganMs), return_ns: toNs(call.endedMs) };
    const reason =
      typeof outcome === 'object' && outcome.kind === 'failed'
        ? outcome.fault.code
        : call.isGivenUp
          ? 'gave up'
          : '';
    const named = {
      process,
      session,
      node: `${node}`,
      ns: space,
      level,
      key,
      ...times,
      ok,
      reason,
      ...(node === asked ? {} : { asked: `${asked}` }),
      ...(call.isExcused ? {} : { timeout_ns: toNs(step.timeoutMs ?? TIMEOUT_MS) }),
      ...(ok === true && this.#cluster.replica(node).isAlone ? { alone: true as const } : {}),
    };
    const base = { ...named, ...hlcOf(outcome) };
    if (step.type === 'run') this.history.push(...this.#runOf(step, outcome, base));
    else this.history.push(operationOf(step, outcome, base));
    this.#noteBound(step, call);
    return ok;
  }

  /** Each write of a batch has a process of its own, except the first. */
  #runOf(
    { items, w, run, idem }: Step & { type: 'run' },
    outcome: Outcome,
    base: Base,
  ): Operation[] {
    return items.map(([key, value], index) => ({
      ...base,
      ...(index === 0 ? {} : { process: this.nextProcess() }),
      ...(idem === undefined ? {} : { idem: `${idem}#${index}` }),
      ...itemFacts(outcome, index),
      ...(typeof w === 'number' ? { w } : {}),
      type: value === null ? 'delete' : 'put',
      key,
      value,
      result: null,
      run,
    }));
  }

  /** The replica that answered in place of the asked one. */
  #answererOf(outcome: Outcome): number | undefined {
    if (typeof outcome !== 'object' || !('heldBy' in outcome)) return undefined;
    const { heldBy } = outcome;
    if (heldBy === undefined) return undefined;
    return this.#cluster.places.findIndex(({ id }) => id === heldBy.id);
  }

  #noteBound(step: Step, { outcome, endedMs: atMs }: Call): void {
    const isOnce = step.ns === 'fi' || step.ns === 'fl';
    if (step.type !== 'get' || !isOnce || typeof outcome !== 'object') return;
    if (outcome.kind !== 'found' && outcome.kind !== 'absent') return;
    const { kind, stalenessMs } = outcome;
    const { key, boundMs } = step;
    this.bounded.push({ key, atMs, isAbsent: kind === 'absent', stalenessMs, boundMs });
  }
}

/** What a client does next. */
type Step = {
  readonly node: number;
  readonly ns: Space;
  readonly key: string;
  readonly timeoutMs?: number;
  readonly session?: Session;
} & (
  | {
      readonly type: 'put';
      readonly value: string;
      readonly w: QuorumSpec;
      readonly idem?: string;
    }
  | { readonly type: 'delete'; readonly w: QuorumSpec; readonly removes?: Version }
  | {
      readonly type: 'run';
      readonly items: readonly (readonly [string, string | null])[];
      readonly w: QuorumSpec;
      readonly run: string;
      readonly idem?: string;
    }
  | {
      readonly type: 'get';
      readonly r: QuorumSpec;
      readonly final?: true;
      readonly onUnmet?: OnUnmet;
      readonly boundMs?: number;
    }
  | {
      readonly type: 'list';
      readonly reverse: boolean;
      readonly r?: number;
      readonly limit?: number;
      readonly final?: true;
      readonly after?: string;
      readonly values?: false;
      readonly onUnmet?: OnUnmet;
    }
);

/**
 * For reads of bounded namespaces. The other values let another replica answer, which is the
 * default.
 */
const FAIL_SHARE = 0.4;

function onUnmetOf(dice: Prng): 'forward' | 'fail' {
  return dice.chance(FAIL_SHARE) ? 'fail' : 'forward';
}

interface Each {
  /** The client continues at once. */
  readonly isInHaste?: boolean;
  next(): Step;
  /** Whether its last operation happened, did not happen, or may have happened. */
  onEnd?(ok: boolean | null, outcome: Outcome): void;
}

interface Client {
  readonly each: Each;
  readonly session: string;
  readonly dice: Prng;
  readonly thinkMs: number;
  readonly untilMs: number;
}

class Overwriter {
  readonly #workload: Workload;
  readonly #dice: Prng;

  constructor(workload: Workload, dice: Prng) {
    this.#workload = workload;
    this.#dice = dice;
  }

  next(): Step {
    const dice = this.#dice;
    const { replicas } = this.#workload;
    const where = {
      node: this.#workload.node(dice),
      ns: 'ev',
      key: this.#workload.key(dice),
    } as const;
    const copies = this.#workload.copies(dice, where.node);
    const kind = dice.next();
    if (kind < 0.1) {
      const value = this.#workload.nextValue();
      const w = this.#workload.keyedQuorum;
      return { ...where, type: 'put', value, w, idem: value.replaceAll('.', '') };
    }
    if (kind < 0.4) return { ...where, type: 'put', value: this.#workload.nextValue(), w: copies };
    if (kind < 0.5) return { ...where, type: 'delete', w: copies };
    if (kind < 0.58) return this.#once(where.node, copies);
    if (kind < 0.68) return this.#list(where.node);
    return { ...where, type: 'get', r: 1 + dice.below(replicas) };
  }

  /** A key that is written once, so that a list that lacks it can be judged. */
  #once(node: number, w: number): Step {
    const value = this.#workload.nextValue();
    return { node, ns: 'ev', key: `o-${value.replaceAll('.', '')}`, type: 'put', value, w };
  }

  /** Pages that begin anywhere among the keys that are written once. */
  #list(node: number): Step {
    const dice = this.#dice;
    const after = dice.chance(0.2) ? '' : `o-v${1 + dice.below(9)}`;
    const rest = { reverse: dice.chance(0.5), limit: 1 + dice.below(30), after };
    return {
      node,
      ns: 'ev',
      key: '',
      type: 'list',
      r: 1 + dice.below(this.#workload.replicas),
      ...rest,
    };
  }
}

/**
 * Puts a key at one replica, deletes it at another as soon as the put is acknowledged, and reads or
 * lists it at a third, all with quorums that overlap: the delete may arrive before the put.
 */
class Eraser {
  readonly #workload: Workload;
  readonly #dice: Prng;
  readonly #isWide: boolean;
  #count = 0;
  #step: 'put' | 'delete' | 'get' = 'put';

  /** `isWide`: quorums overlap even if one disk loses data. */
  constructor(workload: Workload, dice: Prng, isWide: boolean) {
    this.#workload = workload;
    this.#dice = dice;
    this.#isWide = isWide;
  }

  get isInHaste(): boolean {
    return this.#step !== 'put';
  }

  next(): Step {
    const quorum = eraserQuorum(this.#workload.replicas, this.#isWide);
    if (this.#step === 'put') this.#count++;
    const at = { node: this.#workload.node(this.#dice), ns: 'er', key: `e${this.#count}` } as const;
    if (this.#step === 'delete') return { ...at, type: 'delete', w: quorum };
    if (this.#step === 'get') {
      if (this.#dice.chance(0.5)) return { ...at, type: 'get', r: quorum };
      return { ...at, type: 'list', reverse: this.#dice.chance(0.5), r: quorum };
    }
    return { ...at, type: 'put', value: this.#workload.nextValue(), w: quorum };
  }

  onEnd(ok: boolean | null): void {
    if (ok !== true || this.#step === 'get') this.#step = 'put';
    else this.#step = this.#step === 'put' ? 'delete' : 'get';
  }
}

const SETS = 2;
const SET_KEYS = 5;
const RANGE_KEYS = 4;

/**
 * Deletes a set of keys as `DELETE ?prefix=` does: one after the other, the versions that a quorum
 * list shows, while another client of this kind writes newer ones. All quorums overlap.
 */
class Clearer {
  readonly #workload: Workload;
  readonly #dice: Prng;
  readonly #isWide: boolean;
  #isClearing = false;
  #node = 0;
  /** Shown by the list, and not deleted yet. */
  #seen: readonly Seen[] = [];

  constructor(workload: Workload, dice: Prng, isWide: boolean) {
    this.#workload = workload;
    this.#dice = dice;
    this.#isWide = isWide;
  }

  get isInHaste(): boolean {
    return this.#seen.length > 0;
  }

  next(): Step {
    const dice = this.#dice;
    const quorum = eraserQuorum(this.#workload.replicas, this.#isWide);
    const [first, ...rest] = this.#seen;
    this.#seen = rest;
    if (first !== undefined) {
      const { key, ...removes } = first;
      return { node: this.#node, ns: 'ra', key, type: 'delete', w: quorum, removes };
    }
    this.#node = this.#workload.node(dice);
    const set = `${dice.below(SETS)}/`;
    const kind = dice.next();
    this.#isClearing = kind < 0.25;
    const at = { node: this.#node, ns: 'ra', key: set } as const;
    if (kind < 0.45) {
      const page = { reverse: dice.chance(0.5), limit: 1 + dice.below(2 * RANGE_KEYS) };
      const values = this.#isClearing || dice.chance(0.5) ? ({ values: false } as const) : {};
      return { ...at, type: 'list', r: quorum, ...page, ...values };
    }
    const key = `${set}${dice.below(RANGE_KEYS)}`;
    return { ...at, key, type: 'put', value: this.#workload.nextValue(), w: quorum };
  }

  onEnd(ok: boolean | null, outcome: Outcome): void {
    if (!this.#isClearing || ok !== true) return;
    this.#isClearing = false;
    if (typeof outcome !== 'object' || outcome.kind !== 'listed') return;
    this.#seen = outcome.items
      .map(latestOf)
      .map(({ key, origin, seq, hlc }) => ({ key, origin, seq, hlc }));
  }
}

interface Seen extends Version {
  readonly key: string;
}

/**
 * Writes a whole set of keys in one batch, some of them as deletes, and lists all sets at a
 * replica.
 */
class Batcher {
  readonly #workload: Workload;
  readonly #dice: Prng;

  constructor(workload: Workload, dice: Prng) {
    this.#workload = workload;
    this.#dice = dice;
  }

  next(): Step {
    const dice = this.#dice;
    const node = this.#workload.node(dice);
    const at = { node, ns: 'ru', key: '' } as const;
    if (dice.chance(0.55)) return { ...at, type: 'list', reverse: dice.chance(0.5) };
    const set = dice.below(SETS);
    const items = Array.from({ length: SET_KEYS }, (_, n) => {
      const value = dice.chance(0.15) ? null : this.#workload.nextValue();
      return [`${set}/${n}`, value] as const;
    });
    const run = this.#workload.nextValue().replaceAll('.', '');
    if (!dice.chance(0.2)) {
      return { ...at, type: 'run', items, run, w: this.#workload.copies(dice, node) };
    }
    const w = this.#workload.keyedQuorum;
    return { ...at, type: 'run', items, run, w, idem: run };
  }
}

export function eraserQuorum(replicas: number, isWide: boolean): number {
  return Math.min(majority(replicas) + (isWide ? 1 : 0), replicas);
}

/**
 * All replicas acknowledge what it writes anywhere except at the victim, and it reads them at the
 * victim alone: keys that it overwrites and deletes, and keys of a fifo namespace that it writes
 * once.
 */
class Bystander {
  readonly #workload: Workload;
  readonly #dice: Prng;
  #count = 0;
  /** The key that it is writing, and the last one that all replicas have acknowledged. */
  #begun: Place | undefined;
  #written: Place | undefined;

  constructor(workload: Workload, dice: Prng) {
    this.#workload = workload;
    this.#dice = dice;
  }

  get isInHaste(): boolean {
    return this.#workload.isVictimOpening;
  }

  next(): Step {
    const dice = this.#dice;
    const at = this.#written;
    this.#begun = undefined;
    if (at !== undefined && (this.isInHaste || dice.chance(0.7)))
      return { node: VICTIM, ...at, type: 'get', r: 1 };
    const { replicas: w } = this.#workload;
    const isOnce = dice.chance(0.5);
    const key = isOnce ? `q${String(this.#count++).padStart(6, '0')}` : `q${dice.below(3)}`;
    this.#begun = { ns: isOnce ? 'fi' : 'ev', key };
    const write = { node: isOnce ? VICTIM + 1 : this.#workload.home(dice), ...this.#begun, w };
    if (!isOnce && dice.chance(0.3)) return { ...write, type: 'delete' };
    return { ...write, type: 'put', value: this.#workload.nextValue() };
  }

  onEnd(ok: boolean | null): void {
    if (ok === true && this.#begun !== undefined) this.#written = this.#begun;
  }
}

interface Place {
  readonly ns: 'ev' | 'fi';
  readonly key: string;
}

/**
 * Writes keys that are not read: some repeatedly, so that they have older versions, and some once.
 */
class Keeper {
  readonly #workload: Workload;
  readonly #dice: Prng;
  #count = 0;

  constructor(workload: Workload, dice: Prng) {
    this.#workload = workload;
    this.#dice = dice;
  }

  next(): Step {
    const node = this.#workload.node(this.#dice);
    const key = this.#dice.chance(0.5) ? `s${this.#dice.below(30)}` : `t${this.#count++}`;
    const w = this.#workload.copies(this.#dice, node);
    return { node, ns: SILENT, key, type: 'put', value: this.#workload.nextValue(), w };
  }
}

/**
 * Writes, deletes, reads and lists a few keys at any replica, always with its session: the next
 * replica may be behind the one before.
 */
class Wanderer {
  readonly #workload: Workload;
  readonly #dice: Prng;
  readonly #sites: readonly Site[];
  readonly #factsAt: (node: number) => SessionFacts | undefined;
  #session: Session = NEW_SESSION;
  #node = 0;

  constructor(
    workload: Workload,
    dice: Prng,
    sites: readonly Site[],
    factsAt: (node: number) => SessionFacts | undefined,
  ) {
    this.#workload = workload;
    this.#dice = dice;
    this.#sites = sites;
    this.#factsAt = factsAt;
  }

  next(): Step {
    const dice = this.#dice;
    this.#node = this.#workload.taker(this.#workload.node(dice));
    const session = this.#session;
    const site = this.#sites[dice.below(this.#sites.length)];
    const { ns, key } = present(site, 'a wanderer has sites');
    const at = { node: this.#node, ns, session } as const;
    const kind = dice.next();
    const w = this.#workload.copies(dice, this.#node);
    if (kind < 0.3) return { ...at, key, type: 'put', value: this.#workload.nextValue(), w };
    if (kind < 0.36) return { ...at, key, type: 'delete', w };
    const onUnmet = dice.chance(0.2) ? 'fail' : dice.chance(0.3) ? 'forward' : 'usual';
    if (kind < 0.45) return { ...at, key: '', type: 'list', reverse: dice.chance(0.5), onUnmet };
    const r = dice.chance(0.8) ? 1 : 2;
    return { ...at, key, type: 'get', r, onUnmet };
  }

  onEnd(_: boolean | null, outcome: Outcome): void {
    const facts = this.#factsAt(this.#node);
    if (typeof outcome !== 'object' || facts === undefined) return;
    // What the session had seen is lost, so another session begins.
    if (outcome.kind === 'failed' && outcome.fault.code === 'history-lost')
      this.#session = NEW_SESSION;
    else this.#session = sessionAfter(this.#session, outcome, ALL_GUARANTEES, facts);
  }
}

/** Lists related keys at any replica. It has no session. */
class Onlooker {
  readonly #workload: Workload;
  readonly #dice: Prng;

  constructor(workload: Workload, dice: Prng) {
    this.#workload = workload;
    this.#dice = dice;
  }

  next(): Step {
    const node = this.#workload.node(this.#dice);
    const { ns } = present(CAUSAL_KEYS[this.#dice.below(CAUSAL_KEYS.length)], 'sites');
    return { node, ns, key: '', type: 'list', reverse: this.#dice.chance(0.5), onUnmet: 'usual' };
  }
}

function sitesOf(ns: Space, keys: readonly string[]): Site[] {
  return keys.map((key) => ({ ns, key }));
}

/** Writes keys that grow with its count at any replica, and reads the latest ones at any other. */
class Follower {
  readonly #workload: Workload;
  readonly #dice: Prng;
  readonly #ns: Space;
  #count = 0;

  constructor(workload: Workload, dice: Prng, ns: Space) {
    this.#workload = workload;
    this.#dice = dice;
    this.#ns = ns;
  }

  next(): Step {
    const node = this.#dice.below(this.#workload.replicas);
    if (this.#dice.chance(0.3)) {
      const key = this.#key(this.#count++);
      const w = this.#workload.copies(this.#dice, node);
      return { node, ns: this.#ns, key, type: 'put', value: this.#workload.nextValue(), w };
    }
    const onUnmet = onUnmetOf(this.#dice);
    if (this.#dice.chance(0.1)) {
      const reverse = this.#dice.chance(0.5);
      return { node, ns: this.#ns, key: '', type: 'list', reverse, onUnmet };
    }
    const key = this.#key(Math.max(this.#count - 1 - this.#dice.below(3), 0));
    return { node, ns: this.#ns, key, type: 'get', r: 1, onUnmet };
  }

  #key(n: number): string {
    return `f${String(n).padStart(6, '0')}`;
  }
}

class Appender {
  readonly #workload: Workload;
  readonly #dice: Prng;
  readonly #ns: FifoSpace;
  readonly #client: number;
  readonly #home: number;
  #count = 0;

  constructor(workload: Workload, dice: Prng, ns: FifoSpace, client: number) {
    this.#workload = workload;
    this.#dice = dice;
    this.#ns = ns;
    this.#client = client;
    this.#home = workload.home(dice);
  }

  next(): Step {
    const dice = this.#dice;
    const { replicas } = this.#workload;
    const copies = this.#workload.copies(dice, this.#home);
    const kind = dice.next();
    const node = this.#workload.node(dice);
    if (kind < 0.45) {
      const where = { node: this.#home, ns: this.#ns, key: this.#key(this.#count++) } as const;
      return { ...where, type: 'put', value: this.#workload.nextValue(), w: copies };
    }
    if (kind < 0.9) {
      // One of the last keys, which may still be on its way, or any key.
      const back = dice.chance(0.5) ? dice.below(3) : dice.below(Math.max(this.#count, 1));
      const key = this.#key(Math.max(this.#count - 1 - back, 0));
      const r = 1 + dice.below(replicas);
      if (!dice.chance(BOUNDED_SHARE))
        return { node, ns: this.#ns, key, type: 'get', r, ...this.#onUnmet() };
      const onUnmet = dice.chance(0.5) ? 'fail' : 'wait';
      return { node, ns: this.#ns, key, type: 'get', r: 1, boundMs: BOUND_MS, onUnmet };
    }
    const list = { node, ns: this.#ns, key: '', type: 'list', ...this.#onUnmet() } as const;
    if (dice.chance(0.3)) return { ...list, reverse: true };
    const pages = { r: 1 + dice.below(replicas), limit: 1 + dice.below(12) };
    return { ...list, ...pages, reverse: dice.chance(0.5), after: this.#someKey() };
  }

  /** Where the page begins: at one of the last pages, or anywhere. */
  #someKey(): string {
    if (this.#count === 0 || this.#dice.chance(0.2)) return '';
    return this.#key(Math.max(this.#count - 1 - this.#dice.below(20), 0));
  }

  /** In namespaces without a bound on lag there is nothing to choose. */
  #onUnmet(): { readonly onUnmet?: OnUnmet } {
    return this.#ns === 'fi' ? {} : { onUnmet: onUnmetOf(this.#dice) };
  }

  #key(n: number): string {
    return `${this.#ns === 'fi' ? 'c' : 'b'}${this.#client}-${String(n).padStart(6, '0')}`;
  }
}

function commandOf(step: Step): Asked {
  const { ns: space, key, session, timeoutMs = TIMEOUT_MS } = step;
  switch (step.type) {
    case 'put':
      return putOf(key, step.value, {
        ns: space,
        w: step.w,
        timeoutMs,
        session,
        ...(step.idem === undefined ? {} : { idempotency: { key: step.idem, digest: 1 } }),
      });
    case 'delete':
      return delOf(key, { ns: space, w: step.w, removes: step.removes, timeoutMs, session });
    case 'run':
      return runOf(step.items, {
        ns: space,
        w: step.w,
        timeoutMs,
        ...(step.idem === undefined ? {} : { idempotency: { key: step.idem, digest: 1 } }),
      });
    case 'get': {
      const { r, onUnmet = 'fail' } = step;
      return getOf(key, { ns: space, r, onUnmet, timeoutMs, session, boundMs: step.boundMs });
    }
    case 'list': {
      const { reverse, after = '', onUnmet = 'fail' } = step;
      const { r = 1, limit = SCAN_LIMIT, values = true } = step;
      const page = { prefix: key, after: after as Key, reverse, limit, values };
      const options = { ns: space, ...page, r, onUnmet };
      return listOf({ ...options, timeoutMs, session });
    }
  }
}

interface Base {
  readonly process: number;
  readonly session: string;
  readonly node: string;
  readonly ns: string;
  readonly level: Level;
  readonly key: string;
  readonly call_ns: number;
  readonly return_ns: number;
  readonly ok: boolean | null;
  readonly reason: string;
  readonly hlc?: string;
  readonly asked?: string;
  readonly timeout_ns?: number;
}

type Outcome = Reply | 'broken' | undefined;

function operationOf(
  step: Exclude<Step, { type: 'run' }>,
  outcome: Outcome,
  base: Base,
): Operation {
  const final = 'final' in step ? ({ final: true } as const) : {};
  switch (step.type) {
    case 'put':
    case 'delete': {
      const value = step.type === 'put' ? step.value : null;
      const idem = 'idem' in step ? { idem: step.idem } : {};
      const ver = versionOf(outcome);
      const newer = { ...supersededOf(outcome), ...removesOf(step) };
      const write = { ...base, ...idem, ...newer, type: step.type, value, result: null, ver };
      return typeof step.w === 'number' ? { ...write, w: step.w } : write;
    }
    case 'get': {
      const read = {
        ...base,
        type: 'get',
        value: null,
        ver: versionOf(outcome),
        ...final,
      } as const;
      const result = valueOf(outcome);
      return typeof step.r === 'number' ? { ...read, result, r: step.r } : { ...read, result };
    }
    case 'list': {
      const result = itemsOf(outcome);
      const more = typeof outcome === 'object' && outcome.kind === 'listed' && outcome.after !== '';
      const { after = '' } = step;
      const cursor = more ? { cursor: outcome.after } : {};
      const r = step.r === undefined ? {} : { r: step.r };
      const scan = {
        ...base,
        type: 'list',
        value: null,
        ver: null,
        after,
        ...cursor,
        ...r,
      } as const;
      return { ...scan, reverse: step.reverse, result, more, ...final };
    }
  }
}

/**
 * A definite refusal did not happen; any other write that was not acknowledged may have happened.
 */
function okOf(outcome: Outcome): boolean | null {
  if (typeof outcome !== 'object') return null;
  if (outcome.kind !== 'failed') return true;
  return isDefinite(outcome.fault.code) ? false : null;
}

function versionOf(outcome: Outcome): string | null {
  if (typeof outcome !== 'object') return null;
  if (outcome.kind === 'written') return formatDot(outcome.dot.origin, outcome.dot.seq);
  if (outcome.kind === 'found')
    return formatDot(latestOf(outcome.record).origin, latestOf(outcome.record).seq);
  if (outcome.kind !== 'failed' || outcome.fault.dot === undefined) return null;
  return formatDot(outcome.fault.dot.origin, outcome.fault.dot.seq);
}

/** The known outcome of one write of a batch. */
function itemFacts(outcome: Outcome, index: number): Pick<Write, 'ver' | 'supersededBy'> {
  if (typeof outcome !== 'object' || outcome.kind !== 'run-written') return { ver: null };
  const { dot, supersededBy: by } = present(outcome.items[index], 'a result for each item');
  const ver = formatDot(dot.origin, dot.seq);
  return by === undefined ? { ver } : { ver, supersededBy: formatDot(by.origin, by.seq) };
}

function removesOf(step: Step): Pick<Write, 'removes'> {
  if (step.type !== 'delete' || step.removes === undefined) return {};
  return { removes: formatDot(step.removes.origin, step.removes.seq) };
}

function supersededOf(outcome: Outcome): { readonly supersededBy?: string } {
  if (typeof outcome !== 'object' || outcome.kind !== 'written') return {};
  const { supersededBy: by } = outcome;
  return by === undefined ? {} : { supersededBy: formatDot(by.origin, by.seq) };
}

/** The time of the version in a reply, as a string: times and strings have the same order. */
function hlcOf(outcome: Outcome): { readonly hlc?: string } {
  if (typeof outcome !== 'object') return {};
  if (outcome.kind === 'written') return { hlc: sortable(outcome.hlc) };
  return outcome.kind === 'found' ? { hlc: sortable(latestOf(outcome.record).hlc) } : {};
}

function sortable(hlc: number): string {
  return String(hlc).padStart(16, '0');
}

function valueOf(outcome: Outcome): string | null {
  const isFound = typeof outcome === 'object' && outcome.kind === 'found';
  return isFound ? text(latestOf(outcome.record).value) : null;
}

function itemsOf(outcome: Outcome): Item[] {
  if (typeof outcome !== 'object' || outcome.kind !== 'listed') return [];
  return outcome.items.map(latestOf).map(({ key, value, origin, seq, hlc }) => ({
    key,
    value: text(value),
    ver: formatDot(origin, seq),
    hlc: sortable(hlc),
  }));
}

function toNs(ms: number): number {
  return Math.round(ms * 1e6);
}
