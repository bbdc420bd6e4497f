// What an input weighs: bytes that its step copies, checks or writes. A turn is bounded by them besides the number of its
// inputs, for one input may be an acknowledgement of ten bytes, or a snapshot's part of a megabyte.

import type { Input } from '../model/effect.ts';
import type { Message } from '../model/message.ts';

/** Of one turn; the input that passes it is the last of its turn. */
export const TURN_BYTES_MAX = 1024 * 1024;

export function bytesIn(input: Input): number {
  switch (input.kind) {
    case 'command':
      return input.command.kind === 'write' ? input.command.value.length : 0;
    case 'message':
      return bytesOfMessage(input.message);
    case 'range':
      return input.result.ok ? bytesOfEntries(input.result.entries) : 0;
    default:
      return 0;
  }
}

function bytesOfMessage(message: Message): number {
  switch (message.kind) {
    case 'entries':
      return bytesOfRecords(message.entries);
    case 'snapshot-chunk':
    case 'tree-records':
      return bytesOfRecords(message.records);
    case 'read-reply':
    case 'repair':
      return message.record?.bytes.length ?? 0;
    default:
      return 0;
  }
}

function bytesOfRecords(records: readonly { readonly bytes: Uint8Array }[]): number {
  let bytes = 0;
  for (let n = 0; n < records.length; n++) bytes += records[n]?.bytes.length ?? 0;
  return bytes;
}

function bytesOfEntries(entries: readonly { readonly value: Uint8Array }[]): number {
  let bytes = 0;
  for (let n = 0; n < entries.length; n++) bytes += entries[n]?.value.length ?? 0;
  return bytes;
}
