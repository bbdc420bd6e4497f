// What a new write of this replica depends on: the version that it replaces and, in causal order,
// what its session has read and written. It names only the nearest of these. Left out is
//
//   lane         everything before it in its own lane: it follows that anyway
//   everywhere   what every member shows
//   implied      what an earlier entry of its lane and scope names already
//
// The first entry of an incarnation also names the last entry of the one before.

import { assert } from '../base/assert.ts';
import type { Dot, Key, NamespaceName } from '../model/id.ts';
import type { Namespaces } from '../model/namespaces.ts';
import { dotsOf, type Record } from '../model/record.ts';
import type { Session, SessionFacts } from '../model/session.ts';
import { covers, type Vector } from '../model/vector.ts';
import type { Lane } from '../store/lane.ts';
import { CLUSTER, type Scope, scopeOf } from './scope.ts';

export interface PastOptions {
  readonly namespaces: Namespaces;
  /** In the order of the incarnations. */
  readonly ownLanes: readonly Lane[];
  readonly sessions: Pick<SessionFacts, 'isEverywhere'>;
}

interface NewWrite {
  readonly namespace: NamespaceName;
  readonly key: Key;
  readonly session: Session | undefined;
}

const NO_DOTS: readonly Dot[] = [];

export class Past {
  readonly #options: PastOptions;
  /** What earlier entries of the scope `CLUSTER` name. Other scopes are too many to be kept. */
  readonly #implied: Vector = new Map();

  constructor(options: PastOptions) {
    this.#options = options;
  }

  /** `ofRun`: what its whole run replaces, where it is the first entry of one. */
  of(
    lane: Lane,
    { namespace, key, session }: NewWrite,
    replaced: Record | undefined,
    ofRun: readonly Dot[],
  ): readonly Dot[] {
    const { namespaces, ownLanes } = this.#options;
    const scope = scopeOf(namespaces.rulesFor(namespace), namespace, key);
    const own = replaced === undefined ? NO_DOTS : dotsOf(replaced);
    const dots =
      scope === undefined
        ? own.filter((dot) => dot.origin !== lane.id)
        : this.#nearest(lane, scope, session, [...own, ...ofRun]);
    if (lane.received > 0) return dots;
    const earlier = ownLanes.findLast((other) => other !== lane && other.received > 0);
    return earlier === undefined ? dots : [{ origin: earlier.id, seq: earlier.received }, ...dots];
  }

  #nearest(
    lane: Lane,
    scope: Scope,
    session: Session | undefined,
    replaced: readonly Dot[],
  ): readonly Dot[] {
    const nearest: Vector = new Map();
    for (const dot of replaced)
      if (dot.origin !== lane.id && !covers(nearest, dot)) nearest.set(dot.origin, dot.seq);
    for (const [origin, seq] of session ?? []) {
      const dot = { origin, seq };
      if (origin === lane.id || covers(nearest, dot) || this.#isImplied(dot, scope)) continue;
      nearest.set(origin, seq);
    }
    if (scope === CLUSTER) this.#remember(nearest);
    return Array.from(nearest, ([origin, seq]) => ({ origin, seq }));
  }

  #isImplied(dot: Dot, scope: Scope): boolean {
    if (scope === CLUSTER && covers(this.#implied, dot)) return true;
    return this.#options.sessions.isEverywhere(dot);
  }

  #remember(named: Vector): void {
    for (const [origin, seq] of named) {
      const dot = { origin, seq };
      if (!covers(this.#implied, dot)) this.#implied.set(origin, seq);
      assert(covers(this.#implied, dot), 'past: what an entry names is implied from then on');
    }
  }
}
