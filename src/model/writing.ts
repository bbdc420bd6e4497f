// What a write and a run of writes have in common, as far as it is asked before anything is written.

import type { ReadCommand, RunCommand, WriteCommand } from './command.ts';
import type { Operation } from './record.ts';
import { RUN_BYTES_MAX, RUN_ENTRIES_MAX } from './run.ts';

export type Writing = WriteCommand | RunCommand;

interface Weight {
  readonly operation: Operation;
  readonly bytes: number;
}

/** What an entry of a run takes besides key and value, at most, and most of it only where it says so much. */
const ENTRY_BYTES = 512;

/** What is to be stored, as one write; a run that puts anything is a put. */
export function weightOf(command: Writing): Weight {
  if (command.kind === 'write') {
    const { operation, key, value } = command;
    return { operation, bytes: key.length + value.length };
  }
  const { items } = command;
  let bytes = 0;
  for (const { key, value, contentType, tags } of items) {
    bytes += ENTRY_BYTES + key.length + value.length + contentType.length;
    for (const tag of tags) bytes += tag.length + 2;
  }
  return {
    operation: items.some(({ operation }) => operation === 'put') ? 'put' : 'delete',
    bytes,
  };
}

/** Why a run of so many bytes is not taken. */
export function tooLarge(command: Writing, bytes: number): string | undefined {
  if (command.kind === 'write') return undefined;
  if (command.items.length <= RUN_ENTRIES_MAX && bytes <= RUN_BYTES_MAX) return undefined;
  return `what is written at once has at most ${RUN_ENTRIES_MAX} entries and ${RUN_BYTES_MAX} bytes`;
}

export function isConditional(command: Writing): boolean {
  if (command.kind === 'write') return command.conditions.length > 0;
  return command.items.some(({ conditions }) => conditions.length > 0);
}

/** What the read quorum is asked first: keys with conditions, and all keys where the request names the quorum. */
export function readsOf(
  command: Writing,
  timeoutMs: number,
): Pick<ReadCommand, 'namespace' | 'key' | 'r' | 'timeoutMs'>[] {
  const { namespace, r } = command;
  if (command.kind === 'write') return [{ namespace, key: command.key, r, timeoutMs }];
  const asked = command.items.filter(({ conditions }) => r !== undefined || conditions.length > 0);
  const keys = new Set(asked.map(({ key }) => key));
  return [...keys].map((key) => ({ namespace, key, r, timeoutMs }));
}
