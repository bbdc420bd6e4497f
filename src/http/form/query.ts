// The query of a request target as names and values, both percent-decoded to byte strings, with '+'
// for a space. A repeated name is refused: attacks rely on two readers that choose different
// values.

import { formDecode } from './percent.ts';

/** Names and values in turn; `undefined` if an escape is broken. The empty query has none. */
export function splitQuery(query: string): string[] | undefined {
  const parts: string[] = [];
  let from = 0;
  while (from < query.length) {
    let end = query.indexOf('&', from);
    if (end < 0) end = query.length;
    if (end > from && !splitPair(query.slice(from, end), parts)) return undefined;
    from = end + 1;
  }
  return parts;
}

function splitPair(pair: string, parts: string[]): boolean {
  const equals = pair.indexOf('=');
  const name = formDecode(equals < 0 ? pair : pair.slice(0, equals));
  const value = equals < 0 ? '' : formDecode(pair.slice(equals + 1));
  if (name === undefined || value === undefined) return false;
  parts.push(name, value);
  return true;
}

/** No schema has this name, so a query that cannot be parsed fails its validation. */
const UNREADABLE = '%';

/**
 * The query as an object, for the routes with a schema. A repeated name becomes a list, which every
 * schema refuses.
 */
export function queryObject(query: string): Record<string, string | string[]> {
  const object = Object.create(null) as Record<string, string | string[]>;
  const parts = splitQuery(query) ?? [UNREADABLE, ''];
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const name = parts[i] as string;
    const value = parts[i + 1] as string;
    const before = object[name];
    object[name] = before === undefined ? value : [value].concat(before);
  }
  return object;
}
