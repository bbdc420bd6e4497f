// `del NS` with a prefix, bounds, or --all: deletes the keys of a range, page by page to its end.
// If a page fails, the message says how many keys were deleted before it.

import { pathTo } from '../api/routes.ts';
import type { RangeDeletedView } from '../api/shapes.ts';
import type { Client } from './client.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';
import type { WriteOptions } from './keys.ts';
import { renderJson } from './render.ts';
import type { Terminal } from './terminal.ts';

export interface RangeFlags {
  readonly prefix?: string;
  readonly start?: string;
  readonly end?: string;
  readonly all?: boolean;
}

type Options = WriteOptions & RangeFlags;

export function namesRange({ prefix, start, end, all }: RangeFlags): boolean {
  return prefix !== undefined || start !== undefined || end !== undefined || all === true;
}

export async function deleteRange(
  client: Client,
  terminal: Terminal,
  namespace: string,
  options: Options,
): Promise<ExitCode> {
  const query = queryOf(options);
  let deleted = 0;
  let cursor: string | undefined;
  do {
    const page = await deletePage(client, namespace, { ...query, cursor }, options, deleted);
    deleted += page.deleted;
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  if (options.output === 'json') terminal.out(renderJson({ outcome: 'deleted', deleted }));
  else terminal.out(`deleted ${keys(deleted)}\n`);
  return EXIT.ok;
}

function queryOf({ prefix, start, end, all, w, r, timeout, ifMatch }: Options) {
  if (ifMatch !== undefined)
    throw new CommandError(
      EXIT.usage,
      '--if-match is for one key; a range delete removes the versions that it finds',
    );
  const empty = [prefix, start, end].includes('');
  if (empty)
    throw new CommandError(
      EXIT.usage,
      'a bound is empty, so nothing was deleted; use --all for the whole namespace',
    );
  return { prefix, start, end, all: all === true ? 'true' : undefined, w, r, timeout };
}

async function deletePage(
  client: Client,
  namespace: string,
  query: { readonly [name: string]: string | undefined },
  { idempotencyKey }: Options,
  before: number,
): Promise<RangeDeletedView> {
  const path = pathTo('delete-range', { ns: namespace });
  const headers = { 'idempotency-key': idempotencyKey };
  try {
    const { body } = await client.call({ method: 'DELETE', path, query, headers });
    return JSON.parse(Buffer.from(body).toString()) as RangeDeletedView;
  } catch (error) {
    if (!(error instanceof CommandError) || before === 0) throw error;
    throw new CommandError(error.exit, `${error.message}; ${keys(before)} were deleted before`);
  }
}

function keys(count: number): string {
  return count === 1 ? '1 key' : `${count} keys`;
}
