// Work and memory that grow with the requests of clients.

import type { Mutant } from '../mutant.ts';

export const costs: readonly Mutant[] = [
  {
    id: 'timeout-from-the-reading',
    number: 'own',
    title: 'the time that a request waits in its socket does not count towards its timeout',
    file: 'src/http/data/data-path.ts',
    replace: 'connectionOf(request.socket)?.arrivedMs ?? performance.now()',
    with: 'performance.now()',
    foundBy: {
      kind: 'test',
      file: 'test/unit/http/overload.test.ts',
      name: 'a timeout counts from the arrival: a',
    },
  },
  {
    id: 'bound-falls-with-refusals',
    number: 'own',
    title: 'the time for refusals counts as time for serving',
    file: 'src/http/guard/admission.ts',
    replace: 'if (perMs > this.#perMs || isClear) this.#perMs = perMs;',
    with: 'this.#perMs = perMs;',
    foundBy: {
      kind: 'test',
      file: 'test/unit/http/admission.test.ts',
      name: 'a replica that is asked for more than it can serve does not count the time for refusals as service time',
    },
  },
  {
    id: 'sweep-with-the-heartbeat',
    number: 'own',
    title: 'idempotency keys are forgotten at a fixed rate, however fast they are used',
    file: 'src/replica/parts.ts',
    replace: 'condition.isOpen && idempotency.onDurable(mutations, turn),',
    with: 'condition.isOpen && idempotency.onDurable(0, turn),',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/sweeping.test.ts',
      name: 'idempotency keys are forgotten as fast as they are used',
    },
  },
  {
    id: 'members-unbounded',
    number: 'own',
    title: 'an object in a body may have any number of members',
    file: 'src/http/form/json-scan.ts',
    replace: 'if (members.length === membersMax)',
    with: 'if (members.length === Number.POSITIVE_INFINITY)',
    foundBy: {
      kind: 'test',
      file: 'test/unit/http/json.test.ts',
      name: 'with a million members of one object is refused before it is parsed',
    },
  },
  {
    id: 'list-without-enough',
    number: 'own',
    title: 'a list reads any number of tombstones before it answers',
    file: 'src/replica/desk/listing.ts',
    replace:
      'if (lookedEntries >= LOOKED_ENTRIES_MAX || lookedBytes >= LOOKED_BYTES_MAX) return true;',
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/list-cost.test.ts',
      name: 'a list over many deletes ends its page empty, with a cursor that leads to the keys behind them',
    },
  },
  {
    id: 'pipelined-at-once',
    number: 'own',
    title:
      'a reply does not count until its client has taken it, so any number of requests may run',
    file: 'src/http/guard/connection.ts',
    replace: '    if (bytes > 0 && !response.destroyed) this.#owe(response, bytes);',
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/unit/http/cost.test.ts',
      name: 'has a few requests under way, and all of them once it reads',
    },
  },
  {
    id: 'bodies-unbounded',
    number: 'own',
    title: 'any number of unfinished bodies is kept',
    file: 'src/http/guard/arriving.ts',
    replace: 'if (this.#bytes <= this.#bytesMax || oldest === body) return;',
    with: 'if (this.#bytes >= 0 || oldest === body) return;',
    foundBy: {
      kind: 'test',
      file: 'test/unit/http/cost.test.ts',
      name: 'bodies that have begun and not ended share a bound: of',
    },
  },
  {
    id: 'batch-takes-no-turn',
    number: 'own',
    title: 'a batch is refused while other answers use the memory, instead of waiting',
    file: 'src/http/guard/memory.ts',
    replace: 'return timeoutMs > 0 && this.#wait(bytes, timeoutMs);',
    with: 'return timeoutMs < 0 && this.#wait(bytes, timeoutMs);',
    foundBy: {
      kind: 'test',
      file: 'test/unit/http/cost.test.ts',
      name: 'a batch of reads waits for room that other batches have, and none of a hundred is refused',
    },
  },
];
