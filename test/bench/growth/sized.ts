// A cluster that holds a given number of keys, for the parts to run on.

import { putAll } from '../../support/bulk.ts';
import { becomeEqual } from '../../support/converged.ts';
import { keyAt } from '../client/keys.ts';
import { type Field, openField, VALUE_BYTES, WAIT_MS_MAX } from '../field.ts';

export interface Sized {
  readonly keys: number;
  readonly field: Field;
}

export interface Part {
  readonly large: Sized;
  /** A folder for further clusters. */
  readonly folder: string;
  readonly huge: boolean;
  readonly rounds: number;
  readonly slotSeconds: number;
  readonly steadySeconds: number;
}

/** The prefix of all keys. */
export const PREFIX = 'fill--';

/** Opens a cluster in a folder of its own, and writes every key once. */
export async function openSized(folder: string, keys: number): Promise<Sized> {
  const field = await openField(folder, { CONIT_LOG_LEVEL: 'warn' });
  const { replicas } = field.cluster;
  const begunMs = performance.now();
  const dataset = { prefix: PREFIX, keys, valueBytes: VALUE_BYTES };
  await putAll(replicas, { ...dataset, keyAt: (index) => keyAt(dataset, index) });
  await becomeEqual(replicas, WAIT_MS_MAX);
  const seconds = ((performance.now() - begunMs) / 1000).toFixed(0);
  console.error(`${keys.toLocaleString('en')} keys: filled in ${seconds} s`);
  return { keys, field };
}
