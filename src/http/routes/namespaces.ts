// GET /v1/namespaces and /v1/namespaces/{ns}: the compiled policies, with every default filled in.
// The list contains only those that the caller may read.

import { addRoute, type App } from './add-route.ts';
import { namesOf } from '../../model/guarantees.ts';
import { rulesOf } from '../../model/level.ts';
import type { Policy } from '../../model/policy.ts';
import { callerOf } from './access-hook.ts';
import { mayIn } from '../guard/auth.ts';
import type { HttpContext } from '../context.ts';
import { replyJson } from './reply.ts';
import { type NamespaceView } from '../../api/shapes.ts';

export function namespaceRoutes(app: App, context: HttpContext): void {
  addRoute(app, context, 'namespaces', ({ request, reply }) => {
    const caller = callerOf(request);
    const policies = context.policies.filter(({ namespace }) => mayIn(caller, namespace, 'read'));
    return replyJson(context, reply, { namespaces: policies.map(viewOf) });
  });
  addRoute(app, context, 'namespace', ({ reply, policy }) =>
    replyJson(context, reply, viewOf(policy)),
  );
}

function staleAfterView(limit: Policy['staleAfter']): NamespaceView['staleAfter'] {
  if (limit === undefined) return null;
  const { timeMs, entries } = limit;
  return {
    ...(timeMs === undefined ? {} : { timeMs }),
    ...(entries === undefined ? {} : { entries }),
  };
}

function scopeOf({ consistency, causalScope }: Policy): Policy['causalScope'] | null {
  return rulesOf(consistency)?.delivery === 'arrival' ? null : causalScope;
}

function viewOf(policy: Policy): NamespaceView {
  const { namespace, consistency, conflict, w, r, timeoutMs, overlap } = policy;
  const { onIsolated, pauseLagMs = null, minServing, boundMs } = policy;
  const bounds = { t: boundMs ?? null };
  const staleAfter = staleAfterView(policy.staleAfter);
  const session = namesOf(policy.session);
  const limits = { staleAfter, onIsolated, bounds, pauseLagMs, minServing, session };
  const level = { consistency, causalScope: scopeOf(policy) };
  return { name: namespace, ...level, conflict, w, r, timeoutMs, overlap, ...limits };
}
