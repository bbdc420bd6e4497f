// A record as JSON shows it, in the envelope of one key, in lists and in batches. A value is given as text only where
// its content type says that it is text and its bytes are UTF-8; JSON documents are text here too, so that no number
// and no member order changes on the way. Everything else is base64.

import { isUtf8 } from 'node:buffer';
import { hlcToMs } from '../model/hlc.ts';
import { formatDot } from '../model/id.ts';
import type { Record } from '../model/record.ts';
import { mediaTypeOf } from './accept.ts';
import { keyView } from './key-text.ts';
import type { RecordView } from './schema.ts';

export function recordView(record: Record, withValue: boolean): RecordView {
  return {
    ...keyView(record.key),
    version: formatDot(record.origin, record.seq),
    contentType: record.contentType,
    size: record.value.length,
    modified: new Date(hlcToMs(record.hlc)).toISOString(),
    ...(record.expiresAtMs === 0 ? {} : { expires: new Date(record.expiresAtMs).toISOString() }),
    ...(record.tags.length === 0 ? {} : { tags: [...record.tags] }),
    ...(record.weight === 0 ? {} : { weight: record.weight }),
    ...(withValue ? valueView(record) : {}),
  };
}

function valueView({ value, contentType }: Record): { value: string } | { valueBase64: string } {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (isTextType(contentType) && isUtf8(bytes)) return { value: bytes.toString('utf8') };
  return { valueBase64: bytes.toString('base64') };
}

function isTextType(contentType: string): boolean {
  const mediaType = mediaTypeOf(contentType);
  if (mediaType.startsWith('text/')) return true;
  return mediaType === 'application/json' || mediaType.endsWith('+json');
}
