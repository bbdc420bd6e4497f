// A record in JSON: in the envelope of one key, in lists and in batches. A value is shown as text
// if its bytes are text, whatever content type the client gave (curl sends
// `application/x-www-form-urlencoded`): UTF-8, and without control characters unless the type is
// text or JSON. JSON documents are shown as text too, so that no number and no order of members
// changes. Any other value is shown in base64.

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
    // JSON cannot express a weight that is not finite, which an old stored record may have.
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

/**
 * Control characters that no text has: those below U+0020 except tab, line feed, form feed and
 * return, and DEL.
 */
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
