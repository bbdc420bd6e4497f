// The answers of the HTTP API that several commands read, as far as they read them. An answer of another shape is an
// answer of something else than a replica.

import type { Client } from './client.ts';
import { CommandError, EXIT } from './exit.ts';

type Staleness = number | 'unknown';

export interface ReplicaView {
  readonly id: string;
  readonly region: string;
  /** The replica that answers. */
  readonly self: boolean;
  readonly url: string | null;
  readonly state: string;
  readonly stalenessMs: Staleness;
  readonly rttMs: number | null;
  readonly entriesItLacks: number | null;
  readonly entriesWeLack: number | null;
  /** Of the replica that answers: what its peers are known to hold and it lacks. */
  readonly entriesMissing: number | null;
  /** Whose lag a policy bounds; of a peer those that it does not simply serve; null: not known. */
  readonly namespaces: readonly NamespaceView[] | null;
  readonly commitAgeMs: number | null;
  readonly clock?: { readonly state: string; readonly aheadMs: number };
  /** Known of the answering one. */
  readonly diskLow?: boolean;
  readonly copy?: { readonly parts: number; readonly records: number; readonly share: number };
}

export interface NamespaceView {
  readonly namespace: string;
  readonly state: string;
  readonly rule: 'pause' | 'time' | 'entries' | 'disk' | null;
  readonly forMs: number;
  readonly answers: boolean;
  readonly byMinServing: boolean;
  readonly missingMs: number | null;
  readonly missingEntries: number | null;
}

export interface ClusterView {
  readonly node: string;
  readonly replicas: readonly ReplicaView[];
}

export interface VersionView {
  readonly id: string;
  readonly region: string;
  readonly answer: 'record' | 'absent' | 'damaged' | 'no-answer';
  readonly version?: string;
  readonly newest?: boolean;
  readonly deleted?: boolean;
  readonly size?: number;
  readonly ageMs?: number;
  readonly missing: readonly { readonly origin: string; readonly entries: number }[];
}

export interface ExplainView {
  readonly replicas: readonly VersionView[];
  readonly tombstone?: { readonly version: string; readonly blockedBy: readonly string[] };
}

/** Asks for a JSON document whose member `replicas` is a list. */
export async function readView<T extends { readonly replicas: readonly unknown[] }>(
  client: Client,
  path: string,
): Promise<T> {
  const { body } = await client.call({ method: 'GET', path });
  const view = parseView(Buffer.from(body).toString());
  if (view !== undefined) return view as T;
  throw new CommandError(EXIT.unavailable, `what answers at ${client.url} is not a replica`);
}

export function parseView(text: string): { readonly replicas: readonly unknown[] } | undefined {
  try {
    const view = JSON.parse(text) as { readonly replicas?: unknown };
    return Array.isArray(view.replicas) ? { ...view, replicas: view.replicas } : undefined;
  } catch {
    return undefined;
  }
}
