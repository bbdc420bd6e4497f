// The namespaces of a replica, with one policy each. This file has the namespaces of a replica that
// is configured without a file, and the schema of a policy; model/policy.ts checks policies.

import { LEVELS } from '../model/level.ts';
import { TIMEOUT_MS_MAX } from '../model/policy.ts';
import { accept, decline, type JsonSchema, type Kind } from './kind.ts';

type Namespaces = { readonly [name: string]: unknown };

/** Each shows one choice of consistency; all of them work in a cluster of any size. */
export const NAMESPACES_DEFAULT: Namespaces = {
  // Safe against the loss of a minority; reads and lists at any replica see every completed write.
  demo: { consistency: 'eventual', w: 'majority', r: 'majority' },
  // The same, and every request must have quorums that overlap.
  profiles: { consistency: 'eventual', w: 'majority', r: 'majority', claimOverlap: true },
  // Measurements: the order of each replica's writes is kept, and no request waits for another
  // region.
  sensors: { consistency: 'fifo', w: 1, r: 1 },
  // Content that is read everywhere and written seldom: each write is stored in every region before
  // its reply.
  catalog: { consistency: 'eventual', w: 'each', r: 1 },
  // For measuring; requests set their own w and r.
  bench: { consistency: 'eventual', w: 1, r: 1 },
};

const QUORUM: JsonSchema = {
  anyOf: [{ type: 'integer', minimum: 1 }, { enum: ['majority', 'all', 'local', 'each'] }],
};

const POLICY_SCHEMA: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    consistency: { enum: LEVELS, default: 'eventual' },
    conflict: { enum: ['lww', 'siblings', 'crdt', 'reject'], default: 'lww' },
    w: { ...QUORUM, default: 1, description: 'replicas that must hold a write when it returns' },
    r: { ...QUORUM, default: 1, description: 'replicas that a read asks' },
    timeoutMs: { type: 'integer', minimum: 1, maximum: TIMEOUT_MS_MAX, default: 5000 },
    claimOverlap: { type: 'boolean', description: 'refuse a w and r that do not overlap' },
  },
};

/** Only in files: a policy is too long for a flag. */
export const namespaces: Kind<Namespaces> = {
  placeholder: 'object',
  unit: '',
  bound: 'policies by name',
  schema: {
    type: 'object',
    propertyNames: { pattern: '^[a-z][a-z0-9-]{0,62}$' },
    additionalProperties: POLICY_SCHEMA,
  },
  parse(raw) {
    const isObject = typeof raw === 'object' && raw !== null && !Array.isArray(raw);
    return isObject ? accept(raw as Namespaces) : decline('must be an object of policies by name');
  },
  show: (value) => value,
};
