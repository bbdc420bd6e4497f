// How far each replica truly is behind what it could know, sampled during a whole run by an
// observer that sees every disk and every message. A replica could know what another one holds from
// the time when that one runs and its messages arrive. A replica that hears no majority is behind
// for as long as it has heard none. A replica whose disk hangs is behind for as long as it could
// have noticed: an idle one commits once a second, with a heartbeat, and waits for that commit.
//
// An entry that a wrong clock stamped further ahead than `clockDrift` is kept back until that time
// (store/held.ts), and does not make a replica late. So it counts from that time, by the correct
// clock that is furthest behind.

import { hlcToMs } from '../../src/model/hlc.ts';
import type { NamespaceLag } from '../../src/model/lag.ts';
import type { LaneId, Seq } from '../../src/model/id.ts';
import { SETTINGS_DEFAULT } from '../../src/model/settings.ts';
import type { Status } from '../../src/model/status.ts';
import { BLOCK_ENTRIES_MAX, entriesIn } from '../../src/store/block.ts';
import { laneSpan } from '../../src/store/layout.ts';
import type { LagSample } from '../checkers/stale.ts';
import type { Cluster, Replica } from '../cluster/cluster.ts';

const SAMPLE_MS = 50;
/** A little less than the silence after which a replica no longer counts a peer. */
const SILENT_MS = 550;
/**
 * The interval of commits of an idle disk, and the heartbeat that carries the next one, by clocks
 * that drift.
 */
const IDLE_MS = 1201;

/** The times from which on a replica held each head, in ascending order. */
type Steps = { readonly seq: Seq; readonly atMs: number }[];

export class LagLog {
  readonly samples: { [node: string]: LagSample[] } = {};
  /**
   * How often a bounded namespace changed from one state to another at any replica: `stale
   * serving`.
   */
  readonly turns = new Map<string, number>();
  readonly #states = new Map<string, string>();
  readonly #cluster: Cluster;
  /** By replica and origin. */
  readonly #held: Map<LaneId, Steps>[];
  /** By replica and peer: when it heard the peer last, and since when without a silence. */
  readonly #heardMs: number[][];
  readonly #sinceMs: number[][];
  /**
   * The same, without regard to the connection: between two samples a peer may connect and
   * disconnect.
   */
  readonly #wordMs: number[][];
  /** By replica: when it last heard a majority. */
  readonly #majorityMs: number[];
  /** By replica: the last time when its disk did not hang, or the replica was down. */
  readonly #aliveMs: number[];
  /** What the correct clock that is furthest behind showed when the run began. */
  readonly #wallStartMs: number;

  constructor(cluster: Cluster, wallStartMs: number) {
    const { replicas } = cluster;
    this.#cluster = cluster;
    this.#wallStartMs = wallStartMs;
    this.#held = replicas.map(() => new Map());
    this.#heardMs = replicas.map(() => replicas.map(() => Number.NEGATIVE_INFINITY));
    this.#sinceMs = replicas.map(() => replicas.map(() => 0));
    this.#wordMs = replicas.map(() => replicas.map(() => Number.NEGATIVE_INFINITY));
    this.#majorityMs = replicas.map(() => 0);
    this.#aliveMs = replicas.map(() => 0);
    for (const { index } of replicas) this.samples[index] = [];
  }

  begin(): void {
    this.#sample();
    this.#cluster.world.after(SAMPLE_MS, () => this.begin());
  }

  onHeard(n: number, peer: number): void {
    const heard = this.#heardMs[n] as number[];
    const { nowMs } = this.#cluster;
    if (nowMs - (heard[peer] as number) > SILENT_MS) (this.#sinceMs[n] as number[])[peer] = nowMs;
    heard[peer] = nowMs;
    (this.#wordMs[n] as number[])[peer] = nowMs;
  }

  /** A connection begins or ends. */
  onChange(n: number, peer: number): void {
    (this.#heardMs[n] as number[])[peer] = Number.NEGATIVE_INFINITY;
  }

  #sample(): void {
    const { replicas, nowMs } = this.#cluster;
    const statuses = replicas.map((replica) => replica.status());
    for (const replica of replicas) this.#note(replica, statuses[replica.index]);
    for (const replica of replicas) {
      const status = statuses[replica.index];
      if (status === undefined) continue;
      const kept = status.self.namespaces
        .filter(({ state, answers }) => state === 'paused' && answers)
        .map(({ namespace }) => namespace);
      for (const health of status.self.namespaces) this.#noteTurn(replica.index, health);
      const lagMs = this.#lagMs(replica, status);
      this.samples[replica.index]?.push({ atNs: Math.round(nowMs * 1e6), lagMs, kept });
    }
  }

  #noteTurn(n: number, { namespace, state, answers, rule }: NamespaceLag): void {
    const name = `${n} ${namespace}`;
    const isHung = !answers && rule === 'disk';
    const now = isHung ? 'hung' : state === 'paused' && answers ? 'kept' : state;
    const before = this.#states.get(name) ?? 'unknown';
    this.#states.set(name, now);
    if (before === now) return;
    const turn = `${before} ${now}`;
    this.turns.set(turn, (this.turns.get(turn) ?? 0) + 1);
  }

  #note(replica: Replica, status: Status | undefined): void {
    const held = this.#held[replica.index] as Map<LaneId, Steps>;
    const vector = new Map(status?.self.vector);
    if (replica.isRunning && vector.size === 0) held.clear();
    for (const [origin, seq] of vector) {
      const steps = held.get(origin) ?? [];
      // Entries that a disk has lost do not count as held.
      while ((steps.at(-1)?.seq ?? 0) > seq) steps.pop();
      if ((steps.at(-1)?.seq ?? 0) < seq) steps.push({ seq, atMs: this.#cluster.nowMs });
      held.set(origin, steps);
    }
  }

  #lagMs({ index, storage, isPaused }: Replica, { peers }: Status): number {
    const { nowMs, replicas } = this.#cluster;
    if (storage?.isHanging !== true || isPaused) this.#aliveMs[index] = nowMs;
    const heard = replicas.filter((peer) => peer.index !== index && this.#isHeard(index, peer));
    if (heard.length + 1 > (peers.length + 1) / 2) this.#majorityMs[index] = nowMs;
    const words = (this.#wordMs[index] as number[]).toSorted((a, b) => b - a);
    const wordMs = words[Math.floor((peers.length + 1) / 2) - 1] ?? Number.NEGATIVE_INFINITY;
    this.#majorityMs[index] = Math.max(this.#majorityMs[index] as number, wordMs);
    const hungMs = nowMs - (this.#aliveMs[index] as number) - IDLE_MS;
    let lagMs = Math.max(nowMs - this.#majorityMs[index], hungMs);
    for (const peer of heard) {
      const sinceMs = this.#sinceMs[index]?.[peer.index] ?? nowMs;
      lagMs = Math.max(lagMs, nowMs - Math.max(this.#oldestMs(index, peer.index), sinceMs));
    }
    return lagMs;
  }

  #isHeard(n: number, peer: Replica): boolean {
    const heardMs = this.#heardMs[n]?.[peer.index] ?? Number.NEGATIVE_INFINITY;
    return peer.isRunning && !peer.isPaused && this.#cluster.nowMs - heardMs <= SILENT_MS;
  }

  /**
   * Since when the peer has had the oldest entry that `n` lacks and could have received; now, if
   * there is none.
   */
  #oldestMs(n: number, peer: number): number {
    let oldest = this.#cluster.nowMs;
    for (const [origin, steps] of this.#held[peer] as Map<LaneId, Steps>) {
      const own = this.#held[n]?.get(origin)?.at(-1)?.seq ?? 0;
      if ((steps.at(-1)?.seq ?? 0) <= own) continue;
      const first = steps.find(({ seq }) => seq > own);
      if (first === undefined || first.atMs >= oldest) continue;
      oldest = Math.min(oldest, Math.max(first.atMs, this.#dueMs(peer, origin, own + 1)));
    }
    return oldest;
  }

  /**
   * When all members accept an entry that the peer holds; the beginning of the run if its stamp is
   * unknown.
   */
  #dueMs(peer: number, origin: LaneId, seq: Seq): number {
    const { disk } = this.#cluster.replica(peer);
    const block = { ...laneSpan(origin, seq, seq + BLOCK_ENTRIES_MAX), reverse: false, limit: 1 };
    const result = disk.range({ ...block, bytesMax: 1 });
    const entries = result.ok ? [...entriesIn(result.entries)] : [];
    const entry = entries.find((each) => each?.seq === seq);
    if (entry === undefined) return 0;
    return hlcToMs(entry.hlc) - SETTINGS_DEFAULT.clockDriftMaxMs - this.#wallStartMs;
  }
}
