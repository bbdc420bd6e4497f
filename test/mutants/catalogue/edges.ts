// What clients are told, and who is let in.

import { type Mutant, sim } from '../mutant.ts';

export const edges: readonly Mutant[] = [
  {
    id: 'reply-dropped',
    number: 'own',
    title: 'a commit lets one reply go, and the others wait for the next',
    file: 'src/host/gate.ts',
    replace: 'while (this.#held.size > 0 && this.#held.at(0).lsn <= lsn) {',
    with: 'if (this.#held.size > 0 && this.#held.at(0).lsn <= lsn) {',
    foundBy: {
      kind: 'test',
      file: 'test/unit/host/gate.test.ts',
      name: 'holds what depends on a batch until that is durable, in order',
    },
  },
  {
    id: 'deadline-unwatched',
    number: 'own',
    title: 'a write that finds too few copies is never answered',
    file: 'src/replica/writes.ts',
    replace: '    this.#pending.expire(now.monoMs, out);',
    with: '',
    foundBy: sim,
  },
  {
    id: 'timeout-is-refusal',
    number: 'own',
    title: 'a write whose outcome is unknown is told to have been refused',
    file: 'src/quorum/put.ts',
    replace: "return fault('outcome-unknown',",
    with: "return fault('no-quorum',",
    foundBy: sim,
  },
  {
    id: 'list-ends-early',
    number: 'own',
    title: 'a list ends with its first page',
    file: 'src/replica/listing.ts',
    replace: "} else if (scan === 'leap' || result.more) {",
    with: "} else if (scan === 'leap') {",
    foundBy: sim,
  },
  {
    id: 'list-shows-deleted',
    number: 'own',
    title: 'a list shows what was deleted',
    file: 'src/replica/listing.ts',
    replace: '      if (!isLive(record, now.wallMs)) continue;',
    with: '',
    foundBy: sim,
  },
  {
    id: 'route-unguarded',
    number: 42,
    title: 'routes that show the cluster ask for no token',
    file: 'src/http/access-hook.ts',
    replace: "if (access.kind === 'open') return undefined;",
    with: "if (access.kind === 'open' || access.kind === 'somewhere') return undefined;",
    foundBy: {
      kind: 'test',
      file: 'test/unit/http/access.test.ts',
      name: 'GET /v1/cluster with no token',
    },
  },
  {
    id: 'route-open',
    number: 42,
    title: 'the table of routes says that explanations are for everybody',
    file: 'src/http/route-table.ts',
    replace: "route('explain', 'GET', '/v1/explain/{ns}/{key}', NAMESPACE_READ)",
    with: "route('explain', 'GET', '/v1/explain/{ns}/{key}', OPEN)",
    foundBy: {
      kind: 'test',
      file: 'test/unit/http/access.test.ts',
      name: 'to a namespace written as BENCH is not to be had by its spelling',
    },
  },
  {
    id: 'key-unguarded',
    number: 42,
    title: 'a token for one namespace opens all of them',
    file: 'src/http/auth.ts',
    replace: 'return permits(token, scope as NamespaceName, access.role);',
    with: 'return permitsSomewhere(token, access.role);',
    foundBy: {
      kind: 'test',
      file: 'test/unit/http/access.test.ts',
      name: 'is refused in the same words to strangers and to the unprivileged',
    },
  },
];
