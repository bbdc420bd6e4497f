// Assertions that are on in production. They guard what only a bug can break: input of clients and
// peers is never asserted, it is answered with a fault. A failed assertion stops the replica,
// because a restart is cheaper than a wrong answer.

/** A broken invariant: always a bug in this program, never bad input. */
class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Stops with `message` unless `condition` holds. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Closes an exhaustive `switch`: a new member of the union becomes a type error here. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}

/** The value, which must exist: for look-ups whose success an invariant guarantees. */
export function present<T>(value: T | undefined | null, message: string): T {
  if (value === undefined || value === null) throw new AssertionError(message);
  return value;
}
