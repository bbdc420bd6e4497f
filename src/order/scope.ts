// Within which part of the data causal order holds. A policy chooses: `cluster`, all causal
// namespaces together, or `unit`, each unit of a namespace by itself. Entries of different scopes
// never wait for each other.

import type { Key, NamespaceName } from '../model/id.ts';
import type { RecordRules } from '../model/namespaces.ts';
import { unitOf } from '../model/unit.ts';

/** The name of a scope. Namespaces have no `/` in their names. */
export type Scope = string;

/** The scope of all namespaces whose policy says `cluster`. */
export const CLUSTER: Scope = '';

/** `undefined`: entries of the namespace wait for nothing. */
export function scopeOf(
  { level, causalScope }: RecordRules,
  namespace: NamespaceName,
  key: Key,
): Scope | undefined {
  if (level.delivery === 'arrival') return undefined;
  return causalScope === 'cluster' ? CLUSTER : `${namespace}/${unitOf(key)}`;
}

/** The entries of a run are shown together, which one order must allow. */
export function isOneScope(
  rules: RecordRules,
  namespace: NamespaceName,
  items: readonly { readonly key: Key }[],
): boolean {
  const [first] = items;
  const scope = first && scopeOf(rules, namespace, first.key);
  return items.every(({ key }) => scopeOf(rules, namespace, key) === scope);
}
