// A record as JSON shows it, in the envelope of one key, in lists and in batches. A value is shown as text where its bytes
// are text, whatever content type a client gave them (curl says `application/x-www-form-urlencoded`): UTF-8, and unless
// the type says that it is text or JSON, without control characters. JSON documents are text here too, so that no number
// and no member order changes on the way. Everything else is base64.

import { isUtf8 } from 'node:buffer';
import { hlcToMs } from '../../model/hlc.ts';
import { formatDot } from '../../model/id.ts';
import { latestOf, type Mutation, type Record } from '../../model/record.ts';
import { mediaTypeOf } from './accept.ts';
import { keyView } from './key-text.ts';
import { timeText } from './reply-head.ts';
import type { RecordView } from '../../api/shapes.ts';

export function recordView(record: Record, withValue: boolean): RecordView {
  const shown = latestOf(record);
  return {
    ...keyView(record.key),
    version: formatDot(shown.origin, shown.seq),
    contentType: shown.contentType,
    size: shown.size,
    modified: timeText(hlcToMs(shown.hlc)),
    ...(shown.expiresAtMs === 0 ? {} : { expires: timeText(shown.expiresAtMs) }),
    ...(shown.tags.length === 0 ? {} : { tags: [...shown.tags] }),
    // JSON has no word for a weight that is no finite number, which a record stored long ago may have.
    ...(shown.weight === 0 || !Number.isFinite(shown.weight) ? {} : { weight: shown.weight }),
    ...(withValue ? valueView(shown) : {}),
  };
}

function valueView({ value, contentType }: Mutation): { value: string } | { valueBase64: string } {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (isUtf8(bytes) && (isTextType(contentType) || !hasControls(bytes))) {
    return { value: bytes.toString('utf8') };
  }
  return { valueBase64: bytes.toString('base64') };
}

/** Control characters that no text has (all below U+0020 but tab, line feed, form feed and return, and DEL). */
function hasControls(bytes: Uint8Array): boolean {
  for (const byte of bytes) {
    if (byte < 0x20 ? byte !== 9 && byte !== 10 && byte !== 12 && byte !== 13 : byte === 0x7f) {
      return true;
    }
  }
  return false;
}

function isTextType(contentType: string): boolean {
  const mediaType = mediaTypeOf(contentType);
  if (mediaType.startsWith('text/')) return true;
  return mediaType === 'application/json' || mediaType.endsWith('+json');
}
