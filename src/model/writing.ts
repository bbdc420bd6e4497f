// What a write and a run of writes have in common before anything is written.

import type { ReadCommand, RunCommand, WriteCommand } from './command.ts';
import type { Operation } from './record.ts';
import { RUN_BYTES_MAX, RUN_ENTRIES_MAX } from './run.ts';

export type Writing = WriteCommand | RunCommand;

interface Weight {
  readonly operation: Operation;
  readonly bytes: number;
}

/** The bound on an entry of a run besides key and value; most of it is for optional fields. */
const ENTRY_BYTES = 512;

/** What is to be stored, in the form of one write; a run with any put counts as a put. */
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

/** Why a run with this many items or bytes is refused. */
export function tooLarge(command: Writing): string | undefined {
  if (command.kind === 'write') return undefined;
  if (command.items.length <= RUN_ENTRIES_MAX && weightOf(command).bytes <= RUN_BYTES_MAX)
    return undefined;
  return `what is written at once has at most ${RUN_ENTRIES_MAX} entries and ${RUN_BYTES_MAX} bytes`;
}

export function isConditional(command: Writing): boolean {
  if (command.kind === 'write') return command.conditions.length > 0;
  return command.items.some(({ conditions }) => conditions.length > 0);
}

/**
 * The keys for which the read quorum is asked first: those with conditions, or all if the request
 * names the quorum.
 */
export function readsOf(command: Writing): Pick<ReadCommand, 'namespace' | 'key' | 'r'>[] {
  const { namespace, r } = command;
  if (command.kind === 'write') return [{ namespace, key: command.key, r }];
  const asked = command.items.filter(({ conditions }) => r !== undefined || conditions.length > 0);
  const keys = new Set(asked.map(({ key }) => key));
  return [...keys].map((key) => ({ namespace, key, r }));
}
