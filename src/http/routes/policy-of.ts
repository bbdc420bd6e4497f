// The policy of the namespace that a fastify route names, after its access was checked.

import type { Policy } from '../../model/policy.ts';
import type { HttpContext } from '../context.ts';
import { type Refusal, refusal } from '../problem.ts';

export function policyOf({ namespaces }: HttpContext, name: string): Policy | Refusal {
  return namespaces.get(name) ?? refusal('namespace-not-found', 'there is no such namespace');
}
