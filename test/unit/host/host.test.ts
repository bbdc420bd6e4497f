import { beforeEach, describe, expect, it } from 'vitest';
import { createHost, type Host } from '../../../src/host/host.ts';
import { ROOM_UNBOUNDED } from '../../../src/model/disk.ts';
import type { RangeRequest, RangeResult } from '../../../src/model/effect.ts';
import type { Message } from '../../../src/model/message.ts';
import { compilePolicies } from '../../../src/model/policy.ts';
import type { Batch, NetworkHandler } from '../../../src/model/port.ts';
import type { Member } from '../../../src/model/quorum.ts';
import type { Reply } from '../../../src/model/reply.ts';
import type { Settings } from '../../../src/model/settings.ts';
import { logKey } from '../../../src/store/layout.ts';
import { type Asked, getOf, listOf, putOf, shown } from '../../cluster/cluster.ts';
import { helloOf, membershipOf, membersOf, origin, run, settingsOf } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';

type Done = (failure: string | undefined) => void;

/**
 * A host between ports that record each request, in order, and carry it out when the test says so:
 * `commit` and `durable` name the batches by their number, `send` the message, `reply` the client.
 */
class Scene {
  readonly journal: string[] = [];
  readonly halts: string[] = [];
  readonly storage: KeyMap;
  readonly host: Host;
  network: NetworkHandler | undefined;
  monoMs = 0;
  /** The disk answers no range read. */
  isReadHung = false;
  readonly #soon: (() => void)[] = [];
  readonly #commits: { batch: Batch; done: Done }[] = [];
  readonly #ranges: { request: RangeRequest; done: (result: RangeResult) => void }[] = [];
  #timer: { dueMs: number; fire: () => void } | undefined;
  #count = 0;

  constructor(
    regions: readonly string[] = ['eu'],
    changes: Partial<Settings> = {},
    storage = new KeyMap(),
    incarnation = 1,
  ) {
    this.storage = storage;
    const members = membersOf(regions);
    const policies = compilePolicies({ ns: {} }, members, members[0] as Member);
    if (!policies.ok) throw new Error('the policies compile');
    this.host = createHost({
      settings: settingsOf(members, 0, changes),
      policies: policies.policies,
      incarnation,
      storage: {
        get: storage.get,
        commit: (batch, done) => this.#commit(batch, done),
        range: (request, done) => void this.#ranges.push({ request, done }),
        clear: () => {},
      },
      network: {
        start: (handler) => {
          this.network = handler;
          this.journal.push('network');
        },
        send: (peer, message) => void this.journal.push(`send ${peer} ${describeMessage(message)}`),
        flush: () => void this.journal.push('flush'),
      },
      clock: { monoMs: () => this.monoMs, wallMs: () => 1e6 + this.monoMs },
      scheduler: {
        soon: (turn) => void this.#soon.push(turn),
        arm: (delayMs, fire) => void (this.#timer = { dueMs: this.monoMs + delayMs, fire }),
      },
      trace: { note: () => {}, committed: () => {} },
      onHalt: (reason) => void this.halts.push(reason),
    });
    // It has waited for peers to compare its clock with, and none has connected.
    this.monoMs = -60_000;
    this.host.disk(ROOM_UNBOUNDED);
    this.turns();
    this.monoMs = 0;
    this.host.start();
    this.turns();
  }

  /** Runs every turn that is due, and answers range reads; commits wait. */
  turns(): void {
    for (let i = 0; this.#soon.length > 0 || this.#hasRanges; i++) {
      if (i > 1000) throw new Error('the host does not come to rest');
      for (const turn of this.#soon.splice(0)) turn();
      if (this.#hasRanges)
        for (const { request, done } of this.#ranges.splice(0)) done(this.storage.range(request));
    }
  }

  get #hasRanges(): boolean {
    return this.#ranges.length > 0 && !this.isReadHung;
  }

  /** One turn only. */
  turn(): void {
    this.#soon.shift()?.();
  }

  time(ms: number): void {
    const untilMs = this.monoMs + ms;
    for (let i = 0; this.#timer !== undefined && this.#timer.dueMs <= untilMs; i++) {
      if (i > 1000) throw new Error('the timer does not come to rest');
      const { dueMs, fire } = this.#timer;
      this.#timer = undefined;
      this.monoMs = Math.max(this.monoMs, dueMs);
      fire();
      this.turns();
    }
    this.monoMs = untilMs;
  }

  /** The oldest commit in progress ends. */
  commit(failure?: string): void {
    const commit = this.#commits.shift();
    if (commit === undefined) throw new Error('no commit is under way');
    this.journal.push(failure === undefined ? `durable ${this.#count}` : 'failed');
    if (failure === undefined) this.storage.apply(commit.batch);
    commit.done(failure);
    this.turns();
  }

  get commitsUnderWay(): number {
    return this.#commits.length;
  }

  ask(name: string, asked: Asked): void {
    const onReply = (reply: Reply): void => void this.journal.push(`reply ${name} ${shown(reply)}`);
    this.host.submit({ ...asked, client: { onReply } });
  }

  /** Returns what was recorded since the last call. */
  said(): string[] {
    return this.journal.splice(0);
  }

  #commit(batch: Batch, done: Done): void {
    this.#commits.push({ batch, done });
    this.journal.push(`commit ${++this.#count}`);
  }
}

function describeMessage(message: Message): string {
  if (message.kind === 'heartbeat') return `heartbeat [${message.heads.join(' ')}]`;
  if (message.kind === 'hello') return `hello [${message.vector.join(' ')}]`;
  return message.kind === 'entries' ? `entries ${message.entries.length}` : message.kind;
}

const hello = (holds: readonly [string, number][] = []): Message =>
  helloOf('us-1.1', membershipOf(['eu', 'us']), {
    vector: holds.map(([of, seq]) => [origin(of), seq] as const),
  });

/**
 * It is open, its first batch is durable, and its only peer, if it has one, has sent its greeting.
 */
function opened(regions: readonly string[] = ['eu'], changes: Partial<Settings> = {}): Scene {
  const scene = new Scene(regions, changes);
  scene.commit();
  if (regions.length > 1) {
    scene.network?.onConnected(1);
    scene.network?.onMessage(1, hello());
    scene.turns();
    scene.commit();
  }
  scene.said();
  return scene;
}

let scene: Scene;

describe('a host that starts', () => {
  it('reads its storage before it opens the network, and stores its incarnation', () => {
    scene = new Scene();
    expect(scene.said()).toEqual(['commit 1', 'network']);
    expect(scene.host.state).toBe('serving');
  });

  it('opens nothing over a log that is not whole, and halts', () => {
    scene = opened();
    scene.ask('a', putOf('a', 'v'));
    scene.turns();
    scene.commit();
    scene.storage.damage(logKey(0, origin('eu-1.1'), 1), 20);
    const again = new Scene(['eu', 'us'], {}, scene.storage, 2);
    expect(again.halts).toHaveLength(1);
    expect(again.said()).toEqual([]);
  });
});

describe('a turn', () => {
  beforeEach(() => {
    scene = opened();
  });

  it('commits its batch, and replies only when that is durable', () => {
    scene.ask('a', putOf('a', 'v'));
    expect(scene.said()).toEqual([]);
    scene.turns();
    expect(scene.said()).toEqual(['commit 2']);
    scene.commit();
    expect(scene.said()).toEqual(['durable 2', 'reply a eu-1.1.1']);
  });

  it('takes the inputs that have arrived together, and makes one batch of them', () => {
    for (const name of ['a', 'b', 'c']) scene.ask(name, putOf(name, 'v'));
    scene.turns();
    expect(scene.said()).toEqual(['commit 2']);
    scene.commit();
    expect(scene.said()).toEqual([
      'durable 2',
      'reply a eu-1.1.1',
      'reply b eu-1.1.2',
      'reply c eu-1.1.3',
    ]);
  });

  it('runs while a commit is under way, and collects for the next one', () => {
    scene.ask('a', putOf('a', 'v'));
    scene.turns();
    scene.ask('b', putOf('b', 'v'));
    scene.turns();
    scene.ask('c', putOf('c', 'v'));
    scene.turns();
    expect(scene.commitsUnderWay).toBe(1);
    expect(scene.said()).toEqual(['commit 2']);
    scene.commit();
    expect(scene.said()).toEqual(['durable 2', 'commit 3', 'reply a eu-1.1.1']);
    scene.commit();
    expect(scene.said()).toEqual(['durable 3', 'reply b eu-1.1.2', 'reply c eu-1.1.3']);
  });

  it('answers a read that depends on nothing undurable at once, and another one when it is durable', () => {
    scene.ask('a', putOf('a', 'v'));
    scene.ask('saw', getOf('a'));
    scene.ask('none', getOf('b'));
    scene.turns();
    expect(scene.said()).toEqual(['commit 2', 'reply none absent']);
    expect(scene.host.waiting).toBe(2);
    scene.commit();
    expect(scene.said().sort()).toEqual(['durable 2', 'reply a eu-1.1.1', 'reply saw v']);
    expect(scene.host.waiting).toBe(0);
  });

  it('takes no more inputs than its bound, and the rest in the next turn', () => {
    scene = opened(['eu'], { turnInputsMax: 2 });
    for (const name of ['a', 'b', 'c']) scene.ask(name, getOf(name));
    scene.turn();
    expect(scene.said()).toEqual(['reply a absent', 'reply b absent']);
    scene.turn();
    expect(scene.said()).toEqual(['reply c absent']);
  });

  it('ends with the input that exceeds its bound of bytes, and takes the rest in the next turn', () => {
    scene = opened(['eu']);
    const half = 'v'.repeat(512 * 1024);
    for (const name of ['a', 'b', 'c']) scene.ask(name, putOf(name, half));
    scene.ask('last', getOf('none'));
    scene.turn();
    expect(scene.said()).not.toContain('reply last absent');
    scene.turn();
    expect(scene.said()).toContain('reply last absent');
  });

  it('refuses at once what does not fit into the inbox', () => {
    scene = opened(['eu'], { inboxMax: 2 });
    for (const name of ['a', 'b', 'c']) scene.ask(name, getOf(name));
    expect(scene.said()).toEqual(['reply c overloaded']);
    scene.turns();
    expect(scene.said()).toEqual(['reply a absent', 'reply b absent']);
  });

  it('drops messages of a peer behind too many others, and takes them when they are sent again', () => {
    scene = opened(['eu', 'us'], { messagesMax: 2 });
    const entries = run(origin('us-1.1'), 3);
    const send = (n: number): void => {
      const of = origin('us-1.1');
      scene.network?.onMessage(1, { kind: 'entries', origin: of, entries: [entries[n] as never] });
    };
    for (const n of [0, 1, 2]) send(n);
    expect(scene.host.metrics.peerMessagesDropped).toBe(1);
    scene.turns();
    scene.commit();
    expect(scene.host.metrics.entriesReceived).toBe(2);
    send(2);
    scene.turns();
    scene.commit();
    expect(scene.host.metrics.entriesReceived).toBe(3);
  });
});

describe('before a batch is durable, the host sends', () => {
  beforeEach(() => {
    scene = opened(['eu', 'us']);
  });

  it('neither entries to a peer nor a reply to a client', () => {
    scene.ask('a', putOf('a', 'v', { w: 2 }));
    scene.turns();
    expect(scene.said()).toEqual(['commit 3']);
    scene.commit();
    expect(scene.said()).toEqual(['durable 3', 'send 1 entries 1', 'flush']);
    const ack: Message = { kind: 'ack', vector: [[origin('eu-1.1'), 1]], windowBytes: 1e6 };
    scene.network?.onMessage(1, ack);
    scene.turns();
    expect(scene.said()).toEqual(['reply a eu-1.1.1']);
  });

  it('no acknowledgement of entries of a peer', () => {
    const entries = run(origin('us-1.1'), 3);
    scene.network?.onMessage(1, { kind: 'entries', origin: origin('us-1.1'), entries });
    scene.turns();
    expect(scene.said()).toEqual(['commit 3']);
    scene.commit();
    expect(scene.said()).toEqual(['durable 3', 'send 1 ack', 'flush']);
  });

  it('no mention of it to a peer that connects', () => {
    scene.ask('a', putOf('a', 'v', { w: 1 }));
    scene.turns();
    scene.network?.onDisconnected(1);
    scene.network?.onConnected(1);
    scene.turns();
    expect(scene.said()).toEqual(['commit 3', 'send 1 hello []', 'flush']);
    scene.commit();
    scene.network?.onDisconnected(1);
    scene.network?.onConnected(1);
    scene.turns();
    expect(scene.said()).toContain('send 1 hello [eu-1.1,1]');
  });

  it('no answer about it to a peer that shows the version', () => {
    const asked = { kind: 'read-request', id: 1, namespace: 'ns', key: 'a' } as unknown as Message;
    scene.network?.onMessage(1, asked);
    scene.ask('a', putOf('a', 'v', { w: 1 }));
    scene.turns();
    expect(scene.said()).toEqual(['commit 3', 'send 1 read-reply', 'flush']);
    scene.network?.onMessage(1, asked);
    scene.turns();
    expect(scene.said()).toEqual([]);
    scene.commit();
    expect(scene.said()).toContain('send 1 read-reply');
  });

  it('that answer in the turn in which it is asked for and durable', () => {
    const asked = { kind: 'read-request', id: 1, namespace: 'ns', key: 'a' } as unknown as Message;
    scene.ask('a', putOf('a', 'v', { w: 1 }));
    scene.turns();
    scene.said();
    scene.network?.onMessage(1, asked);
    scene.commit();
    expect(scene.said()).toContain('send 1 read-reply');
  });
});

describe('a disk that hangs', () => {
  beforeEach(() => {
    scene = opened();
  });

  it('answers a read that waits for its commit when its time is over, whatever else is due', () => {
    scene.ask('a', putOf('a', 'v', { timeoutMs: 50_000 }));
    scene.ask('short', getOf('a', { timeoutMs: 300 }));
    scene.ask('long', getOf('a', { timeoutMs: 3000 }));
    scene.turns();
    scene.said();
    scene.time(320);
    expect(scene.said()).toContain('reply short timeout');
    scene.time(500);
    expect(scene.said()).not.toContain('reply long timeout');
    scene.commit();
    expect(scene.said()).toContain('reply long v');
    expect(scene.host.waiting).toBe(0);
  });

  it('answers a list in its time, and ignores a later answer of the disk', () => {
    scene.isReadHung = true;
    scene.ask('list', listOf({ timeoutMs: 300 }));
    scene.turns();
    scene.time(320);
    expect(scene.said()).toContain('reply list timeout');
    expect(scene.host.waiting).toBe(0);
    scene.isReadHung = false;
    scene.turns();
    expect(scene.said()).not.toContain('reply list');
  });

  it('refuses further lists while the bound of lists waits for it', () => {
    scene.isReadHung = true;
    for (let n = 0; n < 256; n++) scene.ask(`${n}`, listOf({ timeoutMs: 300 }));
    scene.turns();
    scene.time(320);
    scene.said();
    scene.ask('more', listOf());
    scene.turns();
    expect(scene.said()).toEqual(['reply more overloaded']);
  });
});

describe('a commit that fails', () => {
  it('answers all clients and halts; nothing is committed, sent or acknowledged any more', () => {
    scene = opened(['eu', 'us']);
    scene.ask('one', putOf('a', 'v', { w: 1 }));
    scene.ask('both', putOf('b', 'v', { w: 2 }));
    scene.ask('saw', getOf('a'));
    scene.ask('quorum', getOf('c', { r: 2 }));
    scene.turns();
    scene.ask('later', putOf('d', 'v', { w: 1 }));
    scene.turns();
    scene.ask('list', listOf());
    expect(scene.said()).toEqual(['commit 3', 'send 1 read-request', 'flush']);
    scene.commit('no');
    expect(scene.said().sort()).toEqual([
      'failed',
      'reply both outcome-unknown',
      'reply later outcome-unknown',
      'reply list storage-failed',
      'reply one outcome-unknown',
      'reply quorum storage-failed',
      'reply saw storage-failed',
    ]);
    expect(scene.halts).toEqual(['storage failed']);
    scene.network?.onMessage(1, {
      kind: 'entries',
      origin: origin('us-1.1'),
      entries: run(origin('us-1.1'), 1),
    });
    scene.ask('after', getOf('a'));
    scene.turns();
    scene.time(10_000);
    expect(scene.said()).toEqual(['reply after storage-failed']);
    expect(scene.halts).toHaveLength(1);
  });
});

describe('a halt', () => {
  beforeEach(() => {
    scene = opened(['eu', 'us']);
  });

  /** The peer knows a later incarnation of this replica. */
  const oldCopy = (): void => {
    scene.network?.onDisconnected(1);
    scene.network?.onConnected(1);
    scene.network?.onMessage(1, hello([['eu-1.7', 3]]));
  };

  it('waits for the batch that is under way and for what the turn itself wrote', () => {
    scene.ask('a', putOf('a', 'v', { w: 1 }));
    scene.turns();
    oldCopy();
    scene.turns();
    expect(scene.halts).toEqual([]);
    scene.commit();
    expect(scene.halts).toEqual([]);
    scene.commit();
    expect(scene.halts).toHaveLength(1);
    expect(scene.said()).toContain('reply a eu-1.1.1');
  });

  it('happens even if more and more input arrives, of which none is processed', () => {
    scene.ask('a', putOf('a', 'v', { w: 1 }));
    scene.turns();
    oldCopy();
    for (let i = 0; i < 20 && scene.halts.length === 0; i++) {
      scene.ask(`more ${i}`, putOf(`more ${i}`, 'v', { w: 1 }));
      scene.turns();
      if (scene.commitsUnderWay > 0) scene.commit();
    }
    expect(scene.halts).toHaveLength(1);
    const said = scene.said();
    expect(said).toContain('reply a eu-1.1.1');
    const more = said.filter((line) => line.startsWith('reply more'));
    expect(more.length).toBeGreaterThan(0);
    for (const line of more) expect(line).toMatch(/storage-failed$/);
  });

  it('answers clients that wait for other replicas, and does not spin meanwhile', () => {
    scene.ask('copies', putOf('a', 'v', { w: 2 }));
    scene.turns();
    scene.commit();
    scene.ask('answers', getOf('b', { r: 2 }));
    scene.turns();
    oldCopy();
    scene.turns();
    scene.time(60_000);
    expect(scene.halts).toEqual([]);
    scene.commit();
    expect(
      scene
        .said()
        .filter((line) => line.startsWith('reply'))
        .sort(),
    ).toEqual(['reply answers no-quorum', 'reply copies outcome-unknown']);
    expect(scene.halts).toHaveLength(1);
  });

  it('keeps the deadlines of clients that wait for the batch, and refuses those that have written nothing', () => {
    const once = { idempotency: { key: 'k', digest: 1 } } as const;
    scene.ask('copies', putOf('a', 'v', { w: 2, timeoutMs: 300 }));
    scene.ask('more', putOf('b', 'v', { w: 2, timeoutMs: 500 }));
    scene.ask('key', putOf('c', 'v', { w: 2, ...once }));
    scene.ask('look', putOf('d', 'v', { r: 2, w: 2 }));
    scene.ask('answers', getOf('e', { r: 2 }));
    const place = { ...(membersOf(['zz'])[0] as Member), peerAddress: 'zz' };
    scene.ask('change', {
      kind: 'membership',
      change: { kind: 'join', place },
      timeoutMs: 90_000,
    });
    scene.turns();
    scene.said();
    scene.network?.onMessage(1, hello([['eu-1.7', 3]]));
    scene.turns();
    const refused = scene.said().filter((line) => line.startsWith('reply'));
    expect(refused.sort()).toEqual([
      'reply answers storage-failed',
      'reply change no-quorum',
      'reply key storage-failed',
      'reply look storage-failed',
    ]);
    scene.time(299);
    expect(scene.said()).toEqual([]);
    scene.time(1);
    expect(scene.said()).toEqual(['reply copies outcome-unknown']);
    scene.time(60_000);
    expect(scene.said()).toEqual(['reply more outcome-unknown']);
    expect(scene.halts).toEqual([]);
  });
});

describe('the timer', () => {
  it('sends heartbeats, and is armed again', () => {
    scene = opened(['eu', 'us'], { heartbeatMs: 100 });
    scene.time(350);
    const beats = scene.said().filter((line) => line === 'send 1 heartbeat []');
    expect(beats.length).toBeGreaterThanOrEqual(3);
    expect(beats.length).toBeLessThanOrEqual(4);
  });

  it('answers a ping with everything that was accepted when it came, durable or not', () => {
    scene = opened(['eu', 'us'], { heartbeatMs: 100 });
    scene.ask('a', putOf('a', 'v', { w: 1 }));
    scene.turns();
    const echo = { hlc: 0, vector: [], echo: 0, echoDelayMs: 0, heads: [] } as const;
    const rest = { ...echo, wallMs: 0, commitAgeMs: 0, health: [] } as const;
    scene.network?.onMessage(1, { kind: 'heartbeat', ping: 5, ...rest });
    scene.turns();
    scene.time(100);
    expect(scene.commitsUnderWay).toBe(1);
    expect(scene.said()).toContain('send 1 heartbeat [eu-1.1,1]');
  });

  it('ends a write at its deadline', () => {
    scene = opened(['eu', 'us']);
    scene.ask('a', putOf('a', 'v', { w: 2, timeoutMs: 50 }));
    scene.turns();
    scene.commit();
    scene.time(49);
    expect(scene.said()).not.toContain('reply a outcome-unknown');
    scene.time(1);
    expect(scene.said()).toContain('reply a outcome-unknown');
  });
});
