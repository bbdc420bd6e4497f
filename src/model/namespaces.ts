// Policies resolved once for this replica's place in the cluster, so that a request only looks up:
// every quorum that a request can name is turned into a requirement at most once.

import type { NamespaceName } from './id.ts';
import type { Policy } from './policy.ts';
import { type Member, type QuorumSpec, type Requirement, requirementOf } from './quorum.ts';
import { present } from '../base/assert.ts';

export interface Namespace {
  readonly policy: Policy;
  readonly w: Requirement;
  readonly r: Requirement;
}

export class Namespaces {
  readonly #byName = new Map<NamespaceName, Namespace>();
  readonly #requirements = new Map<QuorumSpec, Requirement>();
  readonly #members: readonly Member[];
  readonly #self: Member;

  constructor(policies: readonly Policy[], members: readonly Member[], self: Member) {
    this.#members = members;
    this.#self = self;
    for (const policy of policies) {
      this.#byName.set(policy.namespace, {
        policy,
        w: present(this.requirement(policy.w), 'a compiled policy has a valid w'),
        r: present(this.requirement(policy.r), 'a compiled policy has a valid r'),
      });
    }
  }

  /** In the order of bytes. */
  get names(): readonly NamespaceName[] {
    return [...this.#byName.keys()].sort();
  }

  find(name: NamespaceName): Namespace | undefined {
    return this.#byName.get(name);
  }

  /** `undefined`: a number larger than the membership. */
  requirement(spec: QuorumSpec): Requirement | undefined {
    const known = this.#requirements.get(spec);
    if (known !== undefined) return known;
    const requirement = requirementOf(spec, this.#members, this.#self);
    if (requirement !== undefined) this.#requirements.set(spec, requirement);
    return requirement;
  }
}
