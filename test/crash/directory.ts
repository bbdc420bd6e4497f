// Operations on the directory of a stopped replica: it is copied, replaced or removed, or one of
// its bytes changes.

import {
  closeSync,
  cpSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const fileKinds = ['log', 'table', 'manifest', 'current', 'identity'] as const;
export type FileKind = (typeof fileKinds)[number];

export function copyFolder(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true });
}

/** The files of each kind that are not empty, by their paths in the directory. */
export function filesOf(folder: string): ReadonlyMap<FileKind, readonly string[]> {
  const files = new Map<FileKind, string[]>(fileKinds.map((kind) => [kind, []]));
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const kind = kindOf(name);
    if (kind !== undefined && statSync(join(folder, name)).size > 0) files.get(kind)?.push(name);
  }
  return files;
}

/** LevelDB's own LOG and LOCK and the reserve contain nothing that is ever read. */
function kindOf(name: string): FileKind | undefined {
  if (name === 'identity.json') return 'identity';
  if (name === 'log/CURRENT') return 'current';
  if (name.startsWith('log/MANIFEST-')) return 'manifest';
  if (name.endsWith('.log')) return 'log';
  return name.endsWith('.ldb') ? 'table' : undefined;
}

/** The byte gets another value. */
export function changeByte(file: string, at: number, mask: number): void {
  const descriptor = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(descriptor, byte, 0, 1, at);
  byte[0] = (byte[0] as number) ^ mask;
  writeSync(descriptor, byte, 0, 1, at);
  closeSync(descriptor);
}

/** The log since it had this length; all of it by default. */
export function readLog(file: string, from = 0): string {
  return statSync(file, { throwIfNoEntry: false }) === undefined
    ? ''
    : readFileSync(file).toString('utf8', from);
}
