// The namespaces as one replica sees them: each policy, resolved once for this replica and for the
// members of the namespace. A request finds its namespace once; from then on the code that serves
// the request asks the namespace for its quorums, members and rules.

import { assert, present } from '../base/assert.ts';
import type { NamespaceName } from './id.ts';
import { type LevelRules, rulesOf, WEAKEST } from './level.ts';
import type { CausalScope, Policy } from './policy.ts';
import { type Member, type QuorumSpec, type Requirement, requirementOf } from './quorum.ts';

/** `majority`, `all`, `local` and `each`. */
const QUORUM_WORDS = 4;

/** What holds for the records of a namespace, whether or not a policy names it at this replica. */
export interface RecordRules {
  /** The replicas that hold it. */
  readonly members: readonly Member[];
  readonly level: LevelRules;
  /** Where `level` delivers in causal order: among which entries. */
  readonly causalScope: CausalScope;
  /** Every one of its members. */
  readonly all: Requirement;
}

export class Namespace implements RecordRules {
  readonly policy: Policy;
  readonly members: readonly Member[];
  readonly level: LevelRules;
  readonly causalScope: CausalScope;
  readonly all: Requirement;
  /** What the policy asks of a request that does not say so itself. */
  readonly w: Requirement;
  readonly r: Requirement;
  readonly #self: Member;
  /** Bound: one for each number of members, and one for each word for a quorum. */
  readonly #requirements = new Map<QuorumSpec, Requirement>();

  constructor(policy: Policy, members: readonly Member[], self: Member) {
    this.policy = policy;
    this.members = members;
    this.#self = self;
    this.level = present(
      rulesOf(policy.consistency),
      'a compiled policy has a level that is built',
    );
    this.causalScope = policy.causalScope;
    this.all = allOf(members, self);
    this.w = present(this.requirement(policy.w), 'a compiled policy has a valid w');
    this.r = present(this.requirement(policy.r), 'a compiled policy has a valid r');
  }

  /** `undefined`: the number is larger than the number of its members. */
  requirement(spec: QuorumSpec): Requirement | undefined {
    const known = this.#requirements.get(spec);
    if (known !== undefined) return known;
    assert(
      this.#requirements.size < this.members.length + QUORUM_WORDS,
      'namespaces: one requirement for each quorum that can be asked for',
    );
    const requirement = requirementOf(spec, this.members, this.#self);
    if (requirement !== undefined) this.#requirements.set(spec, requirement);
    return requirement;
  }
}

export class Namespaces {
  readonly #byName: ReadonlyMap<NamespaceName, Namespace>;
  readonly #unnamed: RecordRules;

  /** Each namespace is held by all members. */
  constructor(policies: readonly Policy[], members: readonly Member[], self: Member) {
    this.#byName = new Map(
      policies.map((policy) => [policy.namespace, new Namespace(policy, [...members], self)]),
    );
    assert(this.#byName.size === policies.length, 'namespaces: each has one policy');
    this.#unnamed = { members, level: WEAKEST, causalScope: 'cluster', all: allOf(members, self) };
  }

  /** In the order of bytes. */
  get names(): readonly NamespaceName[] {
    return [...this.#byName.keys()].sort();
  }

  /** `undefined`: no policy names it at this replica. */
  find(name: NamespaceName): Namespace | undefined {
    return this.#byName.get(name);
  }

  /** Records may be stored here of a namespace that no policy names any more. */
  rulesFor(name: NamespaceName): RecordRules {
    return this.#byName.get(name) ?? this.#unnamed;
  }
}

function allOf(members: readonly Member[], self: Member): Requirement {
  return present(requirementOf('all', members, self), 'a namespace has members');
}
