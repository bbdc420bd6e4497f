// One replica stepped by hand, with its outbox, a map for storage, and a stopped clock: for tests
// that need the whole core and no passing of time.

import { HostTurn } from '../../src/host/turn.ts';
import type { Command } from '../../src/model/command.ts';
import { ROOM_UNBOUNDED } from '../../src/model/disk.ts';
import type { Input, RangeResult } from '../../src/model/effect.ts';
import type { Message } from '../../src/model/message.ts';
import { compilePolicies } from '../../src/model/policy.ts';
import type { Member } from '../../src/model/quorum.ts';
import type { Reply } from '../../src/model/reply.ts';
import type { Settings } from '../../src/model/settings.ts';
import { Replica } from '../../src/replica/replica.ts';
import { helloOf, membershipOf, membersOf, origin, settingsOf } from './build.ts';
import { KeyMap } from './key-map.ts';
import { answerParts, release, type Sent, sent } from './outbox.ts';

export interface SoloOptions {
  readonly regions?: readonly string[];
  readonly namespaces?: object;
  readonly settings?: Partial<Settings>;
  readonly storage?: KeyMap;
  readonly incarnation?: number;
  readonly wallMs?: number;
}

export class Solo {
  readonly out: HostTurn;
  readonly storage: KeyMap;
  readonly replica: Replica;
  readonly now = { wallMs: 1_000_000, monoMs: 1000 };
  readonly #regions: readonly string[];
  readonly #change: (result: RangeResult) => RangeResult;

  constructor(
    options: SoloOptions = {},
    change: (result: RangeResult) => RangeResult = (result) => result,
  ) {
    this.#regions = options.regions ?? ['eu'];
    const members = membersOf(this.#regions);
    const policies = compilePolicies(
      options.namespaces ?? { ns: {} },
      members,
      members[0] as Member,
    );
    if (!policies.ok) throw new Error(JSON.stringify(policies.problems));
    this.now.wallMs = options.wallMs ?? this.now.wallMs;
    this.storage = options.storage ?? new KeyMap();
    this.#change = change;
    this.replica = new Replica({
      settings: settingsOf(members, 0, options.settings),
      policies: policies.policies,
      incarnation: options.incarnation ?? 1,
      get: this.storage.get,
    });
    this.out = new HostTurn(this.replica.timers);
    // Old enough that a start does not wait for peers to compare its clock with.
    this.now.monoMs -= 60_000;
    this.step({ kind: 'disk', room: ROOM_UNBOUNDED });
    this.now.monoMs += 60_000;
    this.replica.begin(this.out);
    this.quiet();
  }

  /** Steps one input, and then everything that follows from it. */
  step(input: Input): void {
    this.replica.step(input, this.out.at(this.now));
    this.quiet();
  }

  /** A peer of this incarnation connects, and sends its greeting. */
  greet(peer: number, life: string): void {
    this.step({ kind: 'connected', peer });
    this.message(peer, helloOf(origin(life), membershipOf(this.#regions)));
  }

  message(peer: number, message: Message): void {
    this.step({ kind: 'message', peer, message });
  }

  /** Sends a command, and returns the answer if there is one when nothing is left to do. */
  ask(command: Omit<Command, 'client'>): Reply | undefined {
    let answer: Reply | undefined;
    const client = { onReply: (reply: Reply) => void (answer = reply) };
    this.step({ kind: 'command', command: { ...command, client } as Command });
    return answer;
  }

  sent(): Sent[] {
    return sent(this.out);
  }

  quiet(): void {
    for (;;) {
      this.#deliver();
      const hasAnswered = answerParts(this.out);
      const reads = this.out.reads.splice(0);
      for (const { request, owner } of reads) {
        const result = this.#change(this.storage.range(request));
        this.replica.step({ kind: 'read', owner, result }, this.out.at(this.now));
      }
      for (const { from, to } of this.out.clears.splice(0)) this.storage.clear(from, to);
      if (this.out.hasWrites) this.#commit();
      else if (reads.length === 0 && !hasAnswered) break;
    }
    this.#deliver();
  }

  #commit(): void {
    this.replica.step({ kind: 'seal' }, this.out.at(this.now));
    const { lsn } = this.out;
    this.storage.apply(this.out.takeBatch());
    release(this.out, lsn);
    this.replica.step({ kind: 'durable', lsn }, this.out.at(this.now));
  }

  #deliver(): void {
    for (const { client, reply } of this.out.replies.splice(0)) client.onReply(reply);
  }
}
