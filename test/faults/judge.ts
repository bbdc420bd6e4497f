// The verdict on a cell: the checkers that fit its workload, over what clients saw, and notes that
// the logs of the replicas must never contain.

import { readFileSync } from 'node:fs';
import { audit } from '../checkers/audit.ts';
import { convergence } from '../checkers/convergence.ts';
import { fifo } from '../checkers/fifo.ts';
import { liveness } from '../checkers/liveness.ts';
import type { History, Operation } from '../checkers/operation.ts';
import { parseDot } from '../checkers/order.ts';
import { outcome } from '../checkers/outcome.ts';
import { sessions } from '../checkers/sessions.ts';
import { setFull } from '../checkers/set-full.ts';
import type { Demand, Verdict } from '../checkers/verdict.ts';
import { wellFormed } from '../checkers/well-formed.ts';
import type { TestReplica } from '../support/processes.ts';
import { HUNG_MS } from '../support/load/client.ts';
import type { Nemesis } from './nemesis/nemesis.ts';
import { type WorkloadName, workloads } from './workloads.ts';

export interface Finding {
  /** The checker. */
  readonly check: string;
  readonly reason: string;
  /** The operations that show it, at most ten. */
  readonly counterexample: readonly Operation[];
}

const NODES = 3;
const PUTS_PER_SECOND = 5;
const READS_PER_SECOND = 2;
/** From the heal to the first success, if there is one. */
const RETURN_MS = 120_000;
/** Notes that report a broken promise, whatever clients saw. */
const NEVER = ['log-divergent', 'log-unreadable', 'peer-behind-log', 'old-copy'];

export function judgeHistory(
  history: History,
  workload: WorkloadName,
  { demand: strikes }: Pick<Nemesis, 'demand'>,
  seconds: number,
): Finding[] {
  const puts = PUTS_PER_SECOND * seconds;
  const reads = READS_PER_SECOND * seconds;
  const demand: Demand = {
    ok: { put: puts, [workload === 'append' ? 'list' : 'get']: reads },
    faults: { heal: 1, ...strikes } as Demand['faults'],
  } as Demand;
  const cut = { ...demand, nodes: NODES, namespaces: [workloads[workload].use.ns] };
  const verdicts: Record<string, Verdict<unknown>> = {
    'well-formed': wellFormed(history, demand),
    audit: audit(history, cut),
    outcome: outcome(history, demand),
    convergence: convergence(history, { ...cut, keys: 5 }),
    liveness: liveness(history, { ...demand, hungMs: HUNG_MS, returnMs: RETURN_MS }),
  };
  if (workload === 'append') verdicts['fifo'] = fifo(history, { ...demand, checked: reads });
  if (workload === 'wander') {
    const namespaces = [workloads[workload].use.ns];
    const asked = { ...demand, namespaces, mayLose: false, checked: reads };
    verdicts['sessions'] = sessions(withoutTies(history), asked);
  }
  if (workload === 'append' || workload === 'bulk') {
    const overlapReads = workload === 'bulk' ? reads : 0;
    verdicts['set-full'] = setFull(history, { ...demand, replicas: NODES, overlapReads });
  }
  return Object.entries(verdicts)
    .filter(([, { verdict }]) => verdict !== 'valid')
    .map(([check, { verdict, reason, counterexample }]) => ({
      check,
      reason: verdict === 'vacuous' ? `vacuous: ${reason}` : reason,
      counterexample,
    }));
}

/**
 * Clients see the times of versions in milliseconds: two versions of one key and one time, of two
 * origins, have no order that is known.
 */
function withoutTies(history: History): History {
  const nameOf = ({ ns, key, hlc }: Operation) => `${ns}/${key} ${hlc}`;
  const origins = new Map<string, Set<string>>();
  for (const operation of history) {
    if (operation.hlc === undefined || operation.ver === null) continue;
    const { origin } = parseDot(operation.ver);
    const others = origins.get(nameOf(operation));
    if (others === undefined) origins.set(nameOf(operation), new Set([origin]));
    else others.add(origin);
  }
  return history.map((operation) => {
    const isTied = (origins.get(nameOf(operation))?.size ?? 0) > 1;
    if (!isTied) return operation;
    const { hlc: _, ...untimed } = operation;
    return untimed;
  });
}

export function judgeLogs(replicas: readonly TestReplica[]): Finding[] {
  return replicas.flatMap(({ id, logFile }) => {
    const lines = readFileSync(logFile, 'utf8').split('\n');
    return NEVER.flatMap((event) => {
      const line = lines.find((each) => each.includes(event));
      return line === undefined ? [] : [finding(event, `${id}: ${line}`)];
    });
  });
}

export function finding(check: string, reason: string): Finding {
  return { check, reason, counterexample: [] };
}
