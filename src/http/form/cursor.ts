// The cursor of a list: where the next page begins, and a digest of the query that it belongs to.
// Clients cannot read it, and it is checked, but it is not secret: a forged cursor can only choose
// a start within a namespace that the client may read.
//
//  version u8 | digest of the query u32 | the last key of the page | crc32c u32, all in base64url

import { ByteReader, ByteWriter, bytesOf } from '../../base/bytes.ts';
import { crc32c } from '../../base/crc32c.ts';
import { KEY_BYTES_MAX } from '../../model/id.ts';
import { type Refusal, refusal } from '../problem.ts';

const VERSION = 1;
const TRAILER_BYTES = 4;
const TEXT = /^[A-Za-z0-9_-]{1,2048}$/;

/** Everything that decides the keys and their order; the cursor is valid for these only. */
export interface ListQuery {
  readonly namespace: string;
  readonly prefix: string;
  readonly start: string;
  readonly end: string;
  readonly delimiter: string;
  readonly reverse: boolean;
}

export type Cursor =
  | { readonly kind: 'after'; readonly after: string }
  | { readonly kind: 'malformed' | 'other-query' | 'other-version' };

export function formatCursor(query: ListQuery, after: string): string {
  const writer = new ByteWriter(64);
  writer.u8(VERSION);
  writer.u32(digestOf(query));
  writer.text(after);
  writer.u32(crc32c(writer.bytes, 0, writer.at));
  return Buffer.from(writer.take()).toString('base64url');
}

export function parseCursor(query: ListQuery, text: string): Cursor {
  if (!TEXT.test(text)) return { kind: 'malformed' };
  const bytes = Buffer.from(text, 'base64url');
  const end = bytes.length - TRAILER_BYTES;
  if (end < 1) return { kind: 'malformed' };
  const trailer = new ByteReader(bytes, end);
  if (trailer.u32() !== crc32c(bytes, 0, end)) return { kind: 'malformed' };
  const reader = new ByteReader(bytes, 0, end);
  if (reader.u8() !== VERSION) return { kind: 'other-version' };
  const digest = reader.u32();
  const after = reader.text(KEY_BYTES_MAX);
  if (!reader.finished) return { kind: 'malformed' };
  return digest === digestOf(query) ? { kind: 'after', after } : { kind: 'other-query' };
}

/** The key after which the next page begins, or the reason why the cursor is invalid. */
export function readCursor(query: ListQuery, text: string): string | Refusal {
  const cursor = parseCursor(query, text);
  switch (cursor.kind) {
    case 'after':
      return cursor.after;
    case 'malformed':
      return refusal('invalid-parameter', 'the cursor is malformed; list from the beginning');
    case 'other-query':
      return refusal(
        'invalid-parameter',
        'the cursor belongs to another query; list from the beginning',
      );
    case 'other-version':
      return refusal('cursor-expired', 'the cursor is of another version; list from the beginning');
  }
}

function digestOf(query: ListQuery): number {
  const { namespace, prefix, start, end, delimiter, reverse } = query;
  const parts = [namespace, prefix, start, end, delimiter];
  const lengths = parts.map((part) => part.length);
  const bytes = bytesOf([lengths.join(','), reverse ? '-' : '+', ...parts].join('\n'));
  return crc32c(bytes, 0, bytes.length);
}
