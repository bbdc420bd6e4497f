// A model of a replica that the HTTP tests use and compare with: the contract of commands over one
// Map, alone in its cluster of three, without durability, time-outs or peers. The fuzzing tests
// compare with it, so it is written to be obviously correct rather than fast.

import type { Command, ListCommand, RunCommand, WriteCommand } from '../../../src/model/command.ts';
import { type Fault, type FaultCode, fault } from '../../../src/model/fault.ts';
import { hlcFromMs, hlcToMs } from '../../../src/model/hlc.ts';
import {
  type Dot,
  formatDot,
  type Origin,
  type Region,
  type ReplicaId,
} from '../../../src/model/id.ts';
import { bootMembership } from '../../../src/model/membership.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import type { ReplicaService } from '../../../src/model/port.ts';
import {
  dotsOf,
  isTombstone,
  latestOf,
  type Record,
  recordOf,
  shows,
} from '../../../src/model/record.ts';
import type { Reply, Written } from '../../../src/model/reply.ts';

export interface ReferenceService extends ReplicaService {
  state: ReplicaService['state'];
  /** While it is set, it gets the next commands instead of answers being sent. */
  hold: ((command: Command) => void) | undefined;
  /** Every member has everything, so session tokens are empty. */
  isEverywhere: boolean;
  readonly records: ReadonlyMap<string, Record>;
  /** The commands that `submit` got. */
  readonly commands: Command[];
}

const ORIGIN = 'eu-1.1' as Origin;
const REPLICAS = 3;

export function createReferenceService(): ReferenceService {
  const records = new Map<string, Record>();
  const remembered = new Map<string, { readonly digest: number; readonly reply: Reply }>();
  const commands: Command[] = [];
  let seq = 0;

  const answer = (command: Command): Reply => {
    switch (command.kind) {
      case 'write':
        return write(command);
      case 'run':
        return run(command);
      case 'read': {
        const record = live(command.namespace, command.key);
        return record === undefined
          ? {
              kind: 'absent',
              removal: undefined,
              stalenessMs: 'unknown',
              answers: 1,
              heldBy: undefined,
            }
          : { kind: 'found', record, stalenessMs: 12.5, answers: 1, heldBy: undefined };
      }
      case 'list':
        return list(command);
      case 'write-status':
        return command.dot.origin === ORIGIN && command.dot.seq <= seq
          ? {
              kind: 'write-status',
              dot: command.dot,
              holders: ['eu-1', 'us-1'] as ReplicaId[],
              regions: ['eu'] as Region[],
              replicas: REPLICAS,
            }
          : failed('write-not-found');
      case 'explain':
        return explain(command.namespace, command.key);
      case 'status':
        return status();
      case 'membership':
        return { kind: 'membership', membership };
      case 'drain':
        return { kind: 'drained', drained: command.drained };
      case 'resync':
        return { kind: 'resyncing' };
    }
  };

  const run = (command: RunCommand): Reply => {
    const { idempotency, namespace, items } = command;
    const memory = idempotency && remembered.get(`${namespace}\n${idempotency.key}`);
    if (memory !== undefined && memory.digest !== idempotency?.digest)
      return failed('idempotency-mismatch');
    if (memory?.reply.kind === 'run-written') return { ...memory.reply, replayed: true };
    const writes = items.map((item) => ({ ...writeOf(command), ...item }));
    const item = writes.findIndex((each) => !areMet(each));
    if (item >= 0) return failed('precondition-failed', { item, seen: seenBy(writes[item]) });
    const written = writes.map(writeAnew).filter((reply) => reply.kind === 'written');
    const { acks, replicas, settled } = written[0] as Written;
    const rest = { acks, replicas, settled, replayed: false };
    const reply: Reply = { kind: 'run-written', items: written, ...rest };
    if (idempotency !== undefined)
      remembered.set(`${namespace}\n${idempotency.key}`, { digest: idempotency.digest, reply });
    return reply;
  };

  const live = (namespace: string, key: string): Record | undefined => {
    const record = records.get(`${namespace}\n${key}`);
    return shows(record, Date.now()) ? record : undefined;
  };

  const write = (command: WriteCommand): Reply => {
    const { idempotency, namespace } = command;
    const memory = idempotency && remembered.get(`${namespace}\n${idempotency.key}`);
    if (memory !== undefined && memory.digest !== idempotency?.digest) {
      return failed('idempotency-mismatch');
    }
    if (memory?.reply.kind === 'written') return { ...memory.reply, replayed: true };
    const reply = writeAnew(command);
    if (idempotency !== undefined && reply.kind === 'written') {
      remembered.set(`${namespace}\n${idempotency.key}`, { digest: idempotency.digest, reply });
    }
    return reply;
  };

  const areMet = (command: WriteCommand): boolean => {
    const before = live(command.namespace, command.key);
    const version = before && formatDot(latestOf(before).origin, latestOf(before).seq);
    for (const condition of command.conditions) {
      const holds = {
        'match-any': () => version !== undefined,
        absent: () => version === undefined,
        match: () => version !== undefined && versionsOf(condition).includes(version),
        'unmodified-since': () =>
          before === undefined ||
          Math.floor(hlcToMs(latestOf(before).hlc) / 1000) * 1000 <= dateOf(condition),
        'none-match': () => version === undefined || !versionsOf(condition).includes(version),
      }[condition.kind]();
      if (!holds) return false;
    }
    return true;
  };

  /** What the key holds, because of which a write of it is refused. */
  const seenBy = (command: WriteCommand | undefined): readonly Dot[] => {
    const stored = records.get(`${command?.namespace}\n${command?.key}`);
    return stored === undefined ? [] : dotsOf(stored);
  };

  const writeAnew = (command: WriteCommand): Reply => {
    const before = live(command.namespace, command.key);
    if (!areMet(command)) return failed('precondition-failed', { seen: seenBy(command) });
    const { removes } = command;
    const stored = records.get(`${command.namespace}\n${command.key}`);
    if (removes !== undefined && stored !== undefined && latestOf(stored).seq > removes.seq)
      return failed('precondition-failed');
    const record = recordFor(command, ++seq, before === undefined);
    records.set(`${command.namespace}\n${command.key}`, record);
    return {
      kind: 'written',
      created: command.operation === 'put' && before === undefined,
      dot: { origin: ORIGIN, seq },
      hlc: latestOf(record).hlc,
      acks: 2,
      replicas: REPLICAS,
      settled: !command.respondAsync,
      replayed: false,
      supersededBy: undefined,
      replaced: command.returnsOld ? before : undefined,
    };
  };

  const list = (command: ListCommand): Reply => {
    const { namespace, prefix, start, end, after, reverse, limit, delimiter } = command;
    const inOrder = [...records.values()]
      .filter((record) => record.namespace === namespace && shows(record, Date.now()))
      .filter(({ key }) => key.startsWith(prefix) && key >= start && (end === '' || key < end))
      .sort((left, right) => (left.key < right.key ? -1 : 1));
    const sequence = reverse ? inOrder.toReversed() : inOrder;
    const items: Record[] = [];
    const prefixes: string[] = [];
    let last = '';
    let more = false;
    for (const record of sequence) {
      const fold = foldOf(record.key, prefix, delimiter);
      const name = fold ?? record.key;
      if (after !== '' && (reverse ? name >= after : name <= after)) continue;
      if (fold !== undefined && prefixes.includes(fold)) continue;
      if (items.length + prefixes.length === limit) {
        more = true;
        break;
      }
      if (fold === undefined) items.push(record);
      else prefixes.push(fold);
      last = name;
    }
    const page = { items, prefixes, shown: [], after: more ? last : '' };
    return { kind: 'listed', ...page, stalenessMs: 'unknown', heldBy: undefined };
  };

  const graveOf = (record: Record | undefined) =>
    record !== undefined && isTombstone(record)
      ? {
          dot: { origin: latestOf(record).origin, seq: latestOf(record).seq },
          blockedBy: ['us-1' as ReplicaId],
        }
      : undefined;

  const explain = (namespace: string, key: string): Reply => ({
    kind: 'explained',
    tombstone: graveOf(records.get(`${namespace}\n${key}`)),
    replicas: [
      {
        id: 'eu-1' as ReplicaId,
        region: 'eu' as Region,
        answer: records.has(`${namespace}\n${key}`) ? 'record' : 'absent',
        record: records.get(`${namespace}\n${key}`),
        missing: [],
      },
      {
        id: 'us-1' as ReplicaId,
        region: 'us' as Region,
        answer: 'no-answer',
        record: undefined,
        missing: [{ origin: ORIGIN, entries: 3 }],
      },
    ],
  });

  const membership = bootMembership(
    ['ap-1', 'eu-1', 'us-1'].map((id, index) => ({
      index,
      id: id as ReplicaId,
      region: id.slice(0, 2) as Region,
      peerAddress: '',
      httpUrl: undefined,
    })),
  );
  const status = (): Reply => ({
    kind: 'status',
    membership,
    change: undefined,
    waiting: 0,
    self: {
      id: 'eu-1' as ReplicaId,
      region: 'eu' as Region,
      origin: ORIGIN,
      state: service.state,
      stalenessMs: 40.2,
      vector: [[ORIGIN, seq]],
      stableCut: [],
      stampedMs: [],
      commitAgeMs: 0,
      isStalled: false,
      isDiskLow: false,
      isDrained: service.state === 'draining',
      graceMs: 0,
      copy: undefined,
      namespaces: [],
      treeRoot: 'unknown',
      clock: { state: 'agreed', aheadMs: 0 },
      divergentKeys: undefined,
      contents: undefined,
      waitingEntries: new Map(),
    },
    peers: ['us-1', 'ap-1'].map((id) => ({
      id: id as ReplicaId,
      region: id.slice(0, 2) as Region,
      connected: id === 'us-1',
      rttMs: id === 'us-1' ? 1.5 : undefined,
      entriesItLacks: id === 'us-1' ? 0 : undefined,
      entriesWeLack: id === 'us-1' ? 0 : undefined,
      isStampedAhead: false,
      stalenessMs: id === 'us-1' ? 40.2 : 'unknown',
      vector: [],
      clockOffsetMs: undefined,
      namespaces: id === 'us-1' ? [] : undefined,
      commitAgeMs: id === 'us-1' ? 0 : undefined,
      url: undefined,
      compared: {
        result: id === 'us-1' ? 'equal' : 'unknown',
        equalAtMs: id === 'us-1' ? 1_700_000_000_500 : undefined,
      },
    })),
  });

  const service: ReferenceService = {
    state: 'serving',
    hold: undefined,
    isEverywhere: true,
    metrics: createMetrics(),
    sessions: {
      isEverywhere: () => service.isEverywhere,
      replicas: () => ['eu-1', 'us-1', 'ap-1'] as ReplicaId[],
    },
    records,
    commands,
    submit(command) {
      commands.push(command);
      if (service.hold !== undefined) service.hold(command);
      else if (service.state === 'draining') command.client.onReply(failed('draining'));
      else command.client.onReply(answer(command));
    },
  };
  return service;
}

function dateOf(condition: WriteCommand['conditions'][number]): number {
  return 'dateMs' in condition ? condition.dateMs : Number.NaN;
}

function versionsOf(condition: object): readonly string[] {
  return 'versions' in condition ? (condition.versions as readonly string[]) : [];
}

function foldOf(key: string, prefix: string, delimiter: string): string | undefined {
  const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}

function recordFor(command: WriteCommand, seq: number, created: boolean): Record {
  const nowMs = Date.now();
  return recordOf({
    origin: ORIGIN,
    seq,
    hlc: hlcFromMs(nowMs),
    lane: 0,
    group: '',
    namespace: command.namespace,
    key: command.key,
    operation: command.operation,
    dependencies: [],
    expiresAtMs: command.ttlMs === 0 ? 0 : nowMs + command.ttlMs,
    tags: command.tags,
    weight: command.weight,
    idempotency: command.idempotency,
    contentType: command.contentType,
    value: Uint8Array.from(command.value),
    size: command.value.length,
    digest: 0,
    chain: 0,
    bytes: new Uint8Array(0),
    created,
  });
}

function writeOf({ client, namespace, w, r, timeoutMs, session, respondAsync }: RunCommand) {
  const asked = { client, namespace, w, r, timeoutMs, session, respondAsync };
  const rest = { idempotency: undefined, returnsOld: false, removes: undefined };
  return { kind: 'write', ...asked, ...rest } as const;
}

function failed(code: FaultCode, more: Partial<Fault> = {}): Reply {
  return { kind: 'failed', fault: fault(code, 'said the reference', more) };
}
