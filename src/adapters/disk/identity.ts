// The owner of a data directory, in a file beside the database. The file is not inside the
// database, so that a lost database can be distinguished from one that never existed.
//
//  {"format":2,"clusterId":"shop","replica":"eu-1","uuid":"…","incarnation":7}
//
// `format` is that of the database. Each start writes its own format before it writes anything
// else, so a version that does not know the format refuses the directory and does not report it as
// damaged:
//
//  1   each log entry is a stored value
//  2   each block of log entries is a stored value (store/block.ts); a single entry is a block of
//      one, so format 1 can be read without a change
//
// `incarnation` is the last one that was begun here, 0 before the first. It only grows.

import { readFile } from 'node:fs/promises';
import {
  type Incarnation,
  INCARNATION_MAX,
  parseReplicaId,
  type ReplicaId,
} from '../../model/id.ts';
import { DataError, reasonOf } from './data-error.ts';
import { replaceFile } from './durable-file.ts';

export interface Owner {
  readonly clusterId: string;
  readonly replica: ReplicaId;
}

export interface Identity extends Owner {
  /** A random id, made together with the directory. */
  readonly uuid: string;
  readonly incarnation: Incarnation;
}

const FORMAT = 2;
/** The formats that this version can read. */
const FORMATS: readonly unknown[] = [1, FORMAT];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** `undefined` if there is no such file; throws a `DataError` if its text is not an identity. */
export async function readIdentity(path: string): Promise<Identity | undefined> {
  const text = await readText(path);
  return text === undefined ? undefined : parseIdentity(path, text);
}

/** The file is durable when this returns. */
export async function writeIdentity(path: string, identity: Identity): Promise<void> {
  const { clusterId, replica, uuid, incarnation } = identity;
  const fields = { format: FORMAT, clusterId, replica, uuid, incarnation };
  await replaceFile(path, `${JSON.stringify(fields)}\n`);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new DataError('io', `${path} cannot be read: ${reasonOf(error)}`, error);
  }
}

function parseIdentity(path: string, text: string): Identity {
  const fields = parseFields(text);
  if (fields === undefined) throw damaged(path);
  if (!FORMATS.includes(fields['format'])) {
    const found = String(fields['format']);
    const known = `this version reads ${FORMATS.join(' and ')}`;
    const advice = 'nothing was changed: start the version that wrote it, or a later one';
    throw new DataError('identity-format', `${path} has format ${found}, ${known}; ${advice}`);
  }
  const { clusterId, replica, uuid, incarnation } = fields;
  const id = typeof replica === 'string' ? parseReplicaId(replica) : undefined;
  if (id === undefined || typeof clusterId !== 'string' || clusterId === '') throw damaged(path);
  if (typeof uuid !== 'string' || !UUID.test(uuid)) throw damaged(path);
  if (!isIncarnation(incarnation)) throw damaged(path);
  return { clusterId, replica: id, uuid, incarnation };
}

function parseFields(text: string): { readonly [name: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as { readonly [name: string]: unknown }) : undefined;
  } catch {
    return undefined;
  }
}

function isIncarnation(value: unknown): value is Incarnation {
  const isNumber = typeof value === 'number' && Number.isInteger(value);
  return isNumber && value >= 0 && value <= INCARNATION_MAX;
}

function damaged(path: string): DataError {
  const advice = 'move the whole directory away, and the replica gets its data from its peers';
  return new DataError('identity-damaged', `${path} is damaged; ${advice}`);
}
