// What clients ask of a replica: a closed union. A command carries the client that waits for its
// reply; the core returns the client with the reply (reply.ts) and never calls it.

import type { Dot, Key, NamespaceName, ReplicaId } from './id.ts';
import type { Place } from './membership.ts';
import type { QuorumSpec } from './quorum.ts';
import type { Idempotency, Operation, Version } from './record.ts';
import type { Client } from './reply.ts';
import type { Session } from './session.ts';

/** The opaque version of a record, as ETags carry it: the text of its dot. */
export type Condition =
  | { readonly kind: 'match'; readonly versions: readonly string[] }
  | { readonly kind: 'match-any' }
  | { readonly kind: 'none-match'; readonly versions: readonly string[] }
  | { readonly kind: 'absent' }
  /** It was written in that second or before, or does not exist. */
  | { readonly kind: 'unmodified-since'; readonly dateMs: number };

export interface WriteCommand {
  readonly kind: 'write';
  readonly client: Client;
  readonly namespace: NamespaceName;
  readonly key: Key;
  readonly operation: Operation;
  readonly value: Uint8Array;
  readonly contentType: string;
  /** Copies to wait for; `undefined` takes the namespace's policy. */
  readonly w: QuorumSpec | undefined;
  /** How long to wait for them; `undefined` takes the policy. 1 ms to 1 hour. */
  readonly timeoutMs: number | undefined;
  /** Lifetime from now; 0 is for ever. */
  readonly ttlMs: number;
  readonly conditions: readonly Condition[];
  /**
   * Replicas that are asked for the key before the conditions are checked; `undefined` uses the
   * policy's quorum if there are conditions, else no other replica is asked.
   */
  readonly r: QuorumSpec | undefined;
  readonly idempotency: Idempotency | undefined;
  /** What the replica must show before it writes; `undefined`: nothing. */
  readonly session: Session | undefined;
  readonly tags: readonly string[];
  readonly weight: number;
  /**
   * Answer once the write is durable here, with the count of copies, instead of failing at the
   * deadline.
   */
  readonly respondAsync: boolean;
  /** For a delete: the reply carries the value that was removed here. */
  readonly returnsOld: boolean;
  /**
   * For a delete: it removes this one version and older ones; newer ones stay, here and elsewhere.
   * It has no conditions. `undefined`: it removes any version.
   */
  readonly removes: Version | undefined;
}

/** One write of a run. */
export type RunItem = Pick<
  WriteCommand,
  'key' | 'operation' | 'value' | 'contentType' | 'ttlMs' | 'conditions' | 'tags' | 'weight'
>;

/** Writes that happen together or not at all (run.ts); the other members are as in a write. */
export interface RunCommand
  extends Pick<
    WriteCommand,
    'client' | 'namespace' | 'w' | 'r' | 'timeoutMs' | 'idempotency' | 'session' | 'respondAsync'
  > {
  readonly kind: 'run';
  /** 1 to 1000. Their conditions are checked against the state before the first of them. */
  readonly items: readonly RunItem[];
}

/**
 * What becomes of a read if this replica may not answer for the namespace, or does not show the
 * session yet.
 *
 *   usual     another replica answers for the namespace; the session is waited for
 *   forward   another replica answers, if one is known that may and shows the session
 *   wait      refused for the namespace; the session is waited for
 *   fail      refused
 */
export type OnUnmet = 'usual' | 'forward' | 'wait' | 'fail';

export interface ReadCommand<To = Client> {
  readonly kind: 'read';
  readonly client: To;
  readonly namespace: NamespaceName;
  readonly key: Key;
  readonly r: QuorumSpec | undefined;
  readonly timeoutMs: number | undefined;
  /** What the answering replica must show; `undefined`: nothing. */
  readonly session: Session | undefined;
  /** No answer may be staler, in ms; `undefined`: any may. */
  readonly boundMs?: number | undefined;
  readonly onUnmet: OnUnmet;
}

/** Items and prefixes of one page, at most. */
export const LIST_LIMIT_MAX = 1000;

export interface ListCommand<To = Client> {
  readonly kind: 'list';
  readonly client: To;
  readonly namespace: NamespaceName;
  /** Byte strings. Keys in [start, end) that start with `prefix`; '' leaves a bound open. */
  readonly prefix: string;
  readonly start: string;
  readonly end: string;
  /** Continues after this key (before it, in reverse); '' begins at the start. */
  readonly after: string;
  readonly reverse: boolean;
  /** 1 to 1000 items and prefixes together. */
  readonly limit: number;
  /** Keys with an equal part up to the delimiter are folded into one prefix; '' folds nothing. */
  readonly delimiter: string;
  /** True if items include their values. */
  readonly values: boolean;
  /** How many replicas are compared; `undefined` takes the namespace's policy. */
  readonly r: QuorumSpec | undefined;
  /**
   * Bytes of records and prefixes after which the page ends; `undefined`: the most one answer may
   * have.
   */
  readonly bytesMax: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly session: Session | undefined;
  /** As of a read. */
  readonly boundMs?: number | undefined;
  readonly onUnmet: ReadCommand['onUnmet'];
}

/** How far a write has replicated. */
export interface WriteStatusCommand {
  readonly kind: 'write-status';
  readonly client: Client;
  readonly dot: Dot;
}

/** Every replica's version of one key. */
export interface ExplainCommand {
  readonly kind: 'explain';
  readonly client: Client;
  readonly namespace: NamespaceName;
  readonly key: Key;
  readonly timeoutMs: number | undefined;
}

export interface StatusCommand {
  readonly kind: 'status';
  readonly client: Client;
}

/**
 * Adds or removes one member, or changes one address. Answered when a majority has chosen it; then
 * every replica begins a new incarnation.
 */
export interface MembershipCommand {
  readonly kind: 'membership';
  readonly client: Client;
  readonly change:
    | { readonly kind: 'join'; readonly place: Place }
    /** `force`: even if it is connected. */
    | { readonly kind: 'forget'; readonly id: ReplicaId; readonly force: boolean };
  readonly timeoutMs: number;
}

/** Refuses requests of clients, or accepts them again; the replica remains a member. */
export interface DrainCommand {
  readonly kind: 'drain';
  readonly client: Client;
  readonly drained: boolean;
  /** How long it still answers clients after it has announced the drain; omitted: not at all. */
  readonly graceMs?: number;
}

/**
 * Compares what is held here with every peer at the next opportunity, instead of at the usual time.
 */
export interface ResyncCommand {
  readonly kind: 'resync';
  readonly client: Client;
}

/** `To`: where the reply goes. Only reads come from others than clients (effect.ts). */
export type Command<To = Client> =
  | WriteCommand
  | RunCommand
  | ReadCommand<To>
  | ListCommand<To>
  | WriteStatusCommand
  | ExplainCommand
  | StatusCommand
  | MembershipCommand
  | DrainCommand
  | ResyncCommand;
