// Parses the documents of the HTTP API (api/shapes.ts) for commands.

import type { Client } from './client.ts';
import { CommandError, EXIT } from './exit.ts';

/** Requests a JSON document whose member `replicas` is a list. */
export async function readView<T extends { readonly replicas: readonly unknown[] }>(
  client: Client,
  path: string,
): Promise<T> {
  const { body } = await client.call({ method: 'GET', path });
  const view = parseView(Buffer.from(body).toString());
  if (view !== undefined) return view as T;
  throw new CommandError(
    EXIT.unavailable,
    `the process that answers at ${client.url} is not a replica; check --url`,
  );
}

export function parseView(text: string): { readonly replicas: readonly unknown[] } | undefined {
  try {
    const view = JSON.parse(text) as { readonly replicas?: unknown };
    return Array.isArray(view.replicas) ? { ...view, replicas: view.replicas } : undefined;
  } catch {
    return undefined;
  }
}
