// Every small history of one kind: all orders of calls and returns with a bounded number of
// concurrent operations, and for every call each of the given forms. Two neighbouring calls, or two
// neighbouring returns, may be swapped without any effect on the order of operations, so only one
// of their orders is made.

import type { Operation } from '../../checkers/operation.ts';

/** An operation without its times. One of unknown outcome never returns. */
export type Form = Operation;

export interface Scope {
  readonly forms: readonly Form[];
  /** The most operations. */
  readonly operations: number;
  /** Concurrent operations whose outcome will be known. */
  readonly processes: number;
}

/**
 * Calls `visit` for every history of up to this many operations, and returns their number; the
 * array is reused.
 */
export function enumerate(scope: Scope, visit: (history: readonly Operation[]) => void): number {
  const { forms, operations, processes } = scope;
  const history: Operation[] = [];
  const open: number[] = [];
  let count = 0;

  const returns = (ns: number, from: number): void => {
    for (const at of open.filter((each) => each >= from)) {
      const before = history[at] as Operation;
      history[at] = { ...before, return_ns: ns };
      open.splice(open.indexOf(at), 1);
      calls(ns + 1, 0);
      returns(ns + 1, at + 1);
      open.push(at);
      open.sort((left, right) => left - right);
      history[at] = before;
    }
  };

  const calls = (ns: number, from: number): void => {
    for (let at = from; at < forms.length; at++) {
      const form = forms[at] as Form;
      const isOpen = form.ok !== null;
      if (isOpen && open.length === processes) continue;
      history.push({ ...form, process: history.length + 1, call_ns: ns, return_ns: LAST_NS });
      if (isOpen) open.push(history.length - 1);
      count++;
      visit(history);
      if (history.length < operations) {
        calls(ns + 1, at);
        returns(ns + 1, 0);
      }
      if (isOpen) open.pop();
      history.pop();
    }
  };

  calls(0, 0);
  return count;
}

/** The returns after the last call have no order. */
const LAST_NS = 1000;
