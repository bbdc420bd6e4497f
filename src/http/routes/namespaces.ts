// GET /v1/namespaces and /v1/namespaces/{ns}: the policies as they are compiled, every default filled in. The list
// holds only what the caller may read.

import { Type } from 'typebox';
import type { Policy } from '../../model/policy.ts';
import { callerOf } from '../access-hook.ts';
import type { App } from '../app-type.ts';
import { mayIn } from '../auth.ts';
import type { HttpContext } from '../context.ts';
import { isFault } from '../parameter.ts';
import { policyOf } from '../policy-of.ts';
import { replyJson, replyProblem } from '../reply.ts';
import {
  NamespaceShape,
  NamespacesShape,
  type NamespaceView,
  ProblemShape,
} from '../../api/shapes.ts';

const querystring = Type.Object({}, { additionalProperties: false });

export function namespaceRoutes(app: App, context: HttpContext): void {
  const all = {
    operationId: 'namespaces',
    summary: 'The namespaces and their policies',
    querystring,
    response: { 200: NamespacesShape, default: ProblemShape },
  };
  app.get('/v1/namespaces', { schema: all }, async (request, reply) => {
    const caller = callerOf(request);
    const policies = context.policies.filter(({ namespace }) => mayIn(caller, namespace, 'read'));
    return replyJson(context, reply, { namespaces: policies.map(viewOf) });
  });
  const one = {
    operationId: 'namespace',
    summary: 'The policy of a namespace',
    params: Type.Object({ ns: Type.String() }),
    querystring,
    response: { 200: NamespaceShape, default: ProblemShape },
  };
  app.get('/v1/namespaces/:ns', { schema: one }, async ({ params }, reply) => {
    const policy = policyOf(context, params.ns);
    if (isFault(policy)) return replyProblem(context, reply, policy);
    return replyJson(context, reply, viewOf(policy));
  });
}

function staleAfterView(limit: Policy['staleAfter']): NamespaceView['staleAfter'] {
  if (limit === undefined) return null;
  const { timeMs, entries } = limit;
  return {
    ...(timeMs === undefined ? {} : { timeMs }),
    ...(entries === undefined ? {} : { entries }),
  };
}

function viewOf(policy: Policy): NamespaceView {
  const { namespace, consistency, conflict, w, r, timeoutMs, overlap } = policy;
  const { onIsolated, pauseLagMs = null, minServing } = policy;
  const staleAfter = staleAfterView(policy.staleAfter);
  const limits = { staleAfter, onIsolated, pauseLagMs, minServing };
  return { name: namespace, consistency, conflict, w, r, timeoutMs, overlap, ...limits };
}
