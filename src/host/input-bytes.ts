// The weight of an input: bytes that its step copies, checks or writes. A turn is bounded by them
// besides the number of its inputs, because one input may be an acknowledgement of ten bytes, or a
// snapshot's part of a megabyte.

import type { Input } from '../model/effect.ts';
import type { Message } from '../model/message.ts';
import { encodedOf, type Mutation, type Record } from '../model/record.ts';

/** The bound of one turn; the input that exceeds it is the last of its turn. */
export const TURN_BYTES_MAX = 1024 * 1024;

export function bytesIn(input: Input): number {
  const { kind } = input;
  if (kind === 'message') return bytesOfMessage(input.message);
  if (kind === 'read') return input.result.ok ? bytesOfEntries(input.result.entries) : 0;
  if (kind !== 'command') return 0;
  const { command } = input;
  if (command.kind === 'write') return command.value.length;
  return command.kind === 'run' ? bytesOfEntries(command.items) : 0;
}

/** Messages without records are small. */
function bytesOfMessage(message: Message): number {
  const { kind } = message;
  if (kind === 'entries') return bytesOfMutations(message.entries);
  if (kind === 'snapshot-chunk' || kind === 'tree-records') return bytesOfRecords(message.records);
  if (kind === 'read-reply' || kind === 'repair')
    return message.record === undefined ? 0 : encodedOf(message.record).length;
  return 0;
}

function bytesOfRecords(records: readonly Record[]): number {
  let bytes = 0;
  for (const record of records) bytes += encodedOf(record).length;
  return bytes;
}

function bytesOfMutations(mutations: readonly Mutation[]): number {
  let bytes = 0;
  for (const mutation of mutations) bytes += mutation.bytes.length;
  return bytes;
}

function bytesOfEntries(entries: readonly { readonly value: Uint8Array }[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.value.length;
  return bytes;
}
