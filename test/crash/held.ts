// The contents that a replica reports: everything by scan, and keys one by one.

import { call } from '../support/call.ts';
import { judge } from '../support/load/outcome.ts';
import { openConnection } from '../support/raw-http.ts';
import type { Ledger } from './ledger.ts';
import { NAMESPACE, type Place } from './writers.ts';
import { GUARD_MS } from '../support/wait.ts';

interface Page {
  readonly items: readonly { readonly key: string; readonly value: string }[];
  readonly cursor: string | null;
}

const PAGE_ITEMS = 1000;
const CONNECTIONS = 4;

/** Thrown for a refused list, with the replica's reason. */
export class Refused extends Error {}

/** Every key with this prefix, with its value. */
export async function listAll(place: Place, prefix = ''): Promise<Map<string, string>> {
  const held = new Map<string, string>();
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: `${PAGE_ITEMS}`, values: 'inline' });
    if (prefix !== '') query.set('prefix', prefix);
    if (cursor !== null) query.set('cursor', cursor);
    const answer = await call(place, 'GET', `/v1/kv/${NAMESPACE}?${query.toString()}`);
    if (answer.status !== 200) throw new Refused(`${place.id} lists nothing: ${answer.text}`);
    const page = answer.json() as Page;
    for (const { key, value } of page.items) held.set(key, value);
    ({ cursor } = page);
  } while (cursor !== null);
  return held;
}

/** Compares the contents with the replies to clients; each finding has the name of the round. */
export async function auditAll(
  round: string,
  ledger: Ledger,
  places: readonly Place[],
): Promise<string[]> {
  const findings: string[] = [];
  for (const place of places)
    findings.push(...ledger.compare(`${round}: ${place.id}`, await listAll(place)));
  return findings;
}

/** The answer of one replica to a plain read of a key: the value, its absence, or a refusal. */
export type Answer =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'absent' | 'broken' | 'hung' }
  | { readonly kind: 'refused'; readonly reason: string };

export async function getAll(
  place: Place,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Answer>> {
  const answers = new Map<string, Answer>();
  const rest = [...keys];
  const read = async (): Promise<void> => {
    const connection = await openConnection(place.httpPort);
    for (let key = rest.pop(); key !== undefined; key = rest.pop()) {
      const path = `/v1/kv/${NAMESPACE}/${key}?r=1`;
      const reply = await connection?.send({ method: 'GET', path, timeoutMs: GUARD_MS });
      answers.set(key, answerOf(reply ?? { kind: 'broken' }));
    }
    connection?.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, read));
  return answers;
}

function answerOf(reply: Parameters<typeof judge>[0]): Answer {
  if (reply.kind !== 'reply') return { kind: reply.kind === 'timeout' ? 'hung' : 'broken' };
  if (reply.status === 200) return { kind: 'value', value: reply.body.toString('utf8') };
  const { reason } = judge(reply);
  return reason === '404 not-found' ? { kind: 'absent' } : { kind: 'refused', reason };
}
