import { describe, expect, it } from 'vitest';
import { isOneScope, scopeOf } from '../../../src/order/scope.ts';
import { key, membersOf, namespace, namespacesOf } from '../../support/build.ts';

const namespaces = namespacesOf(membersOf(['eu']), {
  ca: { consistency: 'causal' },
  cb: { consistency: 'causal', causalScope: 'cluster' },
  un: { consistency: 'causal', causalScope: 'unit' },
  fi: { consistency: 'fifo' },
});
const scope = (ns: string, at: string) =>
  scopeOf(namespaces.rulesFor(namespace(ns)), namespace(ns), key(at));

describe('the scope of an entry', () => {
  it('is the same in all causal namespaces', () => {
    expect(scope('ca', 'k')).toBeDefined();
    expect(scope('cb', 'm/1')).toBe(scope('ca', 'k'));
  });

  it('is its unit where the policy says so: the key up to its first slash', () => {
    expect(scope('un', 'm/1')).toBe(scope('un', 'm/2/3'));
    expect(scope('un', 'm')).toBe(scope('un', 'm/1'));
    expect(scope('un', 'n/1')).not.toBe(scope('un', 'm/1'));
    expect(scope('un', '/1')).not.toBe(scope('ca', 'k'));
  });

  it('is none in namespaces of other levels, and in those that no policy names', () => {
    for (const ns of ['fi', 'unknown']) expect(scope(ns, 'k')).toBeUndefined();
  });
});

it('a run is of one scope unless it changes several units', () => {
  const isOne = (ns: string, ...keys: readonly string[]) =>
    isOneScope(
      namespaces.rulesFor(namespace(ns)),
      namespace(ns),
      keys.map((at) => ({ key: key(at) })),
    );
  expect(isOne('un', 'm/1', 'm/2')).toBe(true);
  expect(isOne('un', 'm/1', 'n/2')).toBe(false);
  for (const ns of ['ca', 'fi']) expect(isOne(ns, 'm/1', 'n/2')).toBe(true);
});
