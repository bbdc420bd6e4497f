// The parameters that the API knows and that nothing answers to yet, by route. They are refused by name: a request never gets
// less than it asked for without being told.

import type { RouteId } from './routes.ts';

const READ_BOUNDS = ['t', 'n', 'proof'];

const NOT_BUILT: Readonly<Partial<Record<RouteId, readonly string[]>>> = {
  get: [...READ_BOUNDS, 'w', 'wait'],
  list: [...READ_BOUNDS, 'w', 'wait'],
  'delete-range': READ_BOUNDS,
  batch: [...READ_BOUNDS, 'onUnmet', 'redirect', 'wait'],
  'write-status': ['watch'],
};

export function notBuiltAt(id: RouteId): readonly string[] {
  return NOT_BUILT[id] ?? [];
}
