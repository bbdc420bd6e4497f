// `ls`: the keys of a namespace. A message says if there are more keys than were listed. Bare keys
// are written page by page, so `-n all` needs little memory.

import { pathTo } from '../api/routes.ts';
import type { ListView, RecordView } from '../api/shapes.ts';
import { LIST_LIMIT_MAX } from '../model/command.ts';
import type { Client } from './client.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';
import { printable, renderJson, renderTable, type Row } from './render.ts';
import type { Terminal } from './terminal.ts';

export interface ListOptions {
  readonly start?: string;
  readonly end?: string;
  readonly delimiter?: string;
  readonly reverse?: boolean;
  readonly r?: string;
  readonly limit: string;
  readonly output: 'table' | 'json' | 'keys';
}

type Page = Pick<ListView, 'items' | 'prefixes' | 'cursor'>;

const COLUMNS = [
  { name: 'key', title: 'KEY' },
  { name: 'size', title: 'SIZE', alignment: 'right' as const },
  { name: 'modified', title: 'MODIFIED' },
  { name: 'version', title: 'VERSION' },
  { name: 'type', title: 'TYPE' },
];

export async function list(
  client: Client,
  terminal: Terminal,
  [namespace, prefix]: readonly [string, string],
  options: ListOptions,
): Promise<ExitCode> {
  const limit = limitOf(options.limit);
  const pages: Page[] = [];
  let shown = 0;
  let cursor: string | undefined;
  do {
    const query = { ...queryOf(prefix, options), cursor };
    const page = await readPage(client, namespace, query, Math.min(LIST_LIMIT_MAX, limit - shown));
    shown += page.items.length + page.prefixes.length;
    if (options.output === 'keys') terminal.out(namesOf(page, options).map(line).join(''));
    else pages.push(page);
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined && shown < limit);
  if (options.output === 'json') terminal.out(renderJson(joined(pages)));
  if (options.output === 'table') terminal.out(tableOf(pages, options));
  if (cursor !== undefined)
    terminal.say(`there are more than ${shown} keys; -n all lists them all\n`);
  return EXIT.ok;
}

async function readPage(
  client: Client,
  namespace: string,
  query: { readonly [name: string]: string | undefined },
  room: number,
): Promise<Page> {
  const path = pathTo('list', { ns: namespace });
  const answer = await client.call({
    method: 'GET',
    path,
    query: { ...query, limit: String(room) },
  });
  return JSON.parse(Buffer.from(answer.body).toString()) as Page;
}

function limitOf(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY;
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new CommandError(EXIT.usage, '--limit: must be a number from 1, or all');
}

function queryOf(prefix: string, { start, end, delimiter, reverse, r }: ListOptions) {
  return {
    prefix: prefix === '' ? undefined : prefix,
    start,
    end,
    delimiter,
    reverse: reverse === true ? 'true' : undefined,
    r,
  };
}

function joined(pages: readonly Page[]): Page {
  return {
    items: pages.flatMap(({ items }) => items),
    prefixes: pages.flatMap(({ prefixes }) => prefixes),
    cursor: pages.at(-1)?.cursor ?? null,
  };
}

function tableOf(pages: readonly Page[], options: ListOptions): string {
  const { items, prefixes } = joined(pages);
  if (items.length + prefixes.length === 0) return '';
  const rows: Row[] = prefixes.map((prefix) => ({ key: printable(prefix) }));
  for (const item of items) {
    rows.push({
      key: nameOf(item),
      size: item.size,
      modified: item.modified,
      version: item.version,
      type: printable(item.contentType),
    });
  }
  return line(renderTable(COLUMNS, rows.sort(byKey(options))));
}

function byKey({ reverse }: ListOptions): (left: Row, right: Row) => number {
  const sign = reverse === true ? -1 : 1;
  return (left, right) => sign * Buffer.compare(bytesOf(left), bytesOf(right));
}

function bytesOf({ key }: Row): Buffer {
  return Buffer.from(String(key));
}

function namesOf({ items, prefixes }: Page, options: ListOptions): string[] {
  const rows = [...items.map(nameOf), ...prefixes.map(printable)].map((key) => ({ key }));
  return rows.sort(byKey(options)).map(({ key }) => key);
}

/** A key that is not text is shown as base64. */
function nameOf({ key, keyBase64 = '' }: RecordView): string {
  return key === undefined ? `base64:${keyBase64}` : printable(key);
}

function line(text: string): string {
  return `${text}\n`;
}
