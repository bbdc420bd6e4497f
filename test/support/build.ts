// Short constructors of the core's values, so that a test states only what matters to it.

import { bytesOf } from '../../src/base/bytes.ts';
import { type Draft, encodeMutation } from '../../src/model/encoding.ts';
import {
  type Key,
  type NamespaceName,
  type Origin,
  parseOrigin,
  type Region,
  type ReplicaId,
} from '../../src/model/id.ts';
import { type MemberSet, readBits } from '../../src/model/member-set.ts';
import { bootMembership, type Membership } from '../../src/model/membership.ts';
import type { Hello } from '../../src/model/message.ts';
import type { Member } from '../../src/model/quorum.ts';
import type { Mutation } from '../../src/model/record.ts';
import { Namespaces } from '../../src/model/namespaces.ts';
import { compilePolicies } from '../../src/model/policy.ts';
import { type Settings, SETTINGS_DEFAULT } from '../../src/model/settings.ts';

export const namespace = (name: string): NamespaceName => name as NamespaceName;
export const key = (name: string): Key => name as Key;

export function origin(name: string): Origin {
  const parsed = parseOrigin(name);
  if (parsed === undefined) throw new Error(`not an origin: ${name}`);
  return parsed;
}

/** `setOfBits(0b101)`: members 0 and 2. */
export function setOfBits(bits: number): MemberSet {
  const set = readBits(bits);
  if (set === undefined) throw new Error(`not a set of members: ${bits}`);
  return set;
}

export function bytes(of: string): Uint8Array {
  return bytesOf(of);
}

export function text(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1');
}

/**
 * One member for each region name: `['eu', 'eu', 'us']` gives eu-1, eu-2 and us-1, in the order of
 * their ids.
 */
export function membersOf(regions: readonly string[]): Member[] {
  const seen = new Map<string, number>();
  const ids = regions.map((region) => {
    const count = (seen.get(region) ?? 0) + 1;
    seen.set(region, count);
    return { id: `${region}-${count}`, region };
  });
  ids.sort((a, b) => (a.id < b.id ? -1 : 1));
  return ids.map(({ id, region }, index) => ({
    index,
    id: id as ReplicaId,
    region: region as Region,
    peerAddress: '',
    httpUrl: undefined,
  }));
}

/** As seen by the first member. */
export function namespacesOf(members: readonly Member[], document: object): Namespaces {
  const self = members[0] as Member;
  const compiled = compilePolicies(document, members, self);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return new Namespaces(compiled.policies, members, self);
}

/**
 * Every commit ends with a checkpoint of everything that it changed, so the disk has what memory
 * has.
 */
export const CHECKPOINT_AT_ONCE = {
  checkpointBytes: 1,
  checkpointEntries: 1,
  checkpointMs: 0,
  checkpointPieceBytes: SETTINGS_DEFAULT.checkpointPieceBytes,
};

/** No checkpoint begins by itself. */
export const CHECKPOINT_NEVER = {
  checkpointBytes: 1e9,
  checkpointEntries: 1e9,
  checkpointMs: 1e9,
};

export function settingsOf(
  members: readonly Member[],
  self: number,
  changes: Partial<Settings> = {},
): Settings {
  const { id } = members[self] as Member;
  return { ...SETTINGS_DEFAULT, ...CHECKPOINT_AT_ONCE, ...changes, self: id, members };
}

function draft(fields: Partial<Draft> = {}): Draft {
  return {
    origin: origin('a.1'),
    seq: 1,
    hlc: 1024,
    lane: 0,
    group: '',
    namespace: namespace('ns'),
    key: key('k'),
    operation: 'put',
    created: false,
    dependencies: [],
    expiresAtMs: 0,
    tags: [],
    weight: 0,
    idempotency: undefined,
    contentType: '',
    value: bytes('v'),
    ...fields,
  };
}

export function mutation(fields: Partial<Draft> = {}, previousChain = 0): Mutation {
  return encodeMutation(draft(fields), previousChain);
}

/**
 * Entries 1 to `count` of an origin's log, each chained to the one before it; entry n is stamped n
 * ms.
 */
export function run(
  of: Origin,
  count: number,
  fields: (seq: number) => Partial<Draft> = () => ({}),
): Mutation[] {
  const entries: Mutation[] = [];
  let chain = 0;
  for (let seq = 1; seq <= count; seq++) {
    const entry = mutation({ origin: of, seq, hlc: seq * 1024, ...fields(seq) }, chain);
    chain = entry.chain;
    entries.push(entry);
  }
  return entries;
}

/** The configured members, before any membership was agreed on. */
export function membershipOf(regions: readonly string[]): Membership {
  return bootMembership(membersOf(regions));
}

/** The greeting of a peer that holds nothing. */
export function helloOf(of: string, membership: Membership, says: Partial<Hello> = {}): Hello {
  const rest = { hlc: 0, policyDigest: 0, windowBytes: 1e6, url: '', vote: undefined };
  return { kind: 'hello', origin: origin(of), vector: [], membership, ...rest, ...says };
}
