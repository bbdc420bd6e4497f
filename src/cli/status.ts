// `status`: the cluster as one replica sees it. LAG is a proved upper bound on the age of the
// writes that it may lack: of all writes in its own row, of a peer's writes in the peer's row. If
// the policy of a namespace bounds lag and a replica is not in state `serving`, a second table says
// since when, why, and what it needs to return. Lines below the tables name replicas whose disk
// hangs, and report a clock that is too far off.

import { pathTo } from '../api/routes.ts';
import type { ClusterView, NamespaceHealthView, ReplicaView } from '../api/shapes.ts';
import type { Client } from './client.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { renderJson, renderMs, renderTable } from './render.ts';
import type { Terminal } from './terminal.ts';
import { readView } from './views.ts';

/** A commit that takes longer is reported. */
const COMMIT_MS_LONG = 500;

const COLUMNS = [
  { name: 'replica', title: 'REPLICA' },
  { name: 'region', title: 'REGION' },
  { name: 'state', title: 'STATE' },
  { name: 'lag', title: 'LAG', alignment: 'right' as const },
  { name: 'lacks', title: 'MISSING HERE', alignment: 'right' as const },
  { name: 'itLacks', title: 'MISSING THERE', alignment: 'right' as const },
  { name: 'rtt', title: 'RTT', alignment: 'right' as const },
  { name: 'url', title: 'URL' },
];

export async function status(
  client: Client,
  terminal: Terminal,
  output: 'table' | 'json',
): Promise<ExitCode> {
  const view = await readView<ClusterView>(client, pathTo('cluster'));
  if (output === 'json') {
    terminal.out(renderJson(view));
    return EXIT.ok;
  }
  terminal.out(`${renderTable(COLUMNS, view.replicas.map(rowOf))}\n`);
  const unfit = view.replicas.flatMap(namespaceRows);
  if (unfit.length > 0) terminal.out(`\n${renderTable(NAMESPACE_COLUMNS, unfit)}\n`);
  const lines = view.replicas.flatMap((replica) => [...diskLines(replica), ...clockLines(replica)]);
  if (lines.length > 0) terminal.out(`\n${lines.join('\n')}\n`);
  return EXIT.ok;
}

function rowOf(replica: ReplicaView) {
  const { self } = replica;
  return {
    replica: self ? `${replica.id} *` : replica.id,
    region: replica.region,
    state: replica.state,
    lag: renderMs(replica.stalenessMs),
    lacks: entries(self ? replica.entriesMissing : replica.entriesWeLack),
    itLacks: self ? '' : entries(replica.entriesItLacks),
    rtt: self ? '' : renderMs(replica.rttMs ?? undefined),
    url: replica.url ?? '',
  };
}

const NAMESPACE_COLUMNS = [
  { name: 'namespace', title: 'NAMESPACE' },
  { name: 'replica', title: 'REPLICA' },
  { name: 'state', title: 'STATE' },
  { name: 'since', title: 'FOR', alignment: 'right' as const },
  { name: 'missing', title: 'MISSING', alignment: 'right' as const },
  { name: 'lag', title: 'LAG TO LOSE', alignment: 'right' as const },
  { name: 'why', title: 'WHY' },
];

const WHY = {
  pause: 'writes take longer than usual (pauseLagMs)',
  time: 'it has lagged for too long (staleAfter.timeMs)',
  entries: 'it lacks too many entries (staleAfter.entries)',
  disk: 'its disk does not finish a commit',
} as const;

function namespaceRows({ id, namespaces }: ReplicaView) {
  const unfit = (namespaces ?? []).filter(({ state }) => state !== 'serving');
  return unfit.map((each) => ({
    namespace: each.namespace,
    replica: id,
    state: each.state,
    since: renderMs(each.forMs),
    missing: entries(each.missingEntries),
    lag: renderMs(each.missingMs ?? undefined),
    why: whyOf(each),
  }));
}

function whyOf({ rule, byMinServing }: NamespaceHealthView): string {
  const why = rule === null ? 'not verified yet' : WHY[rule];
  return byMinServing ? `${why}; it answers because too few others do (minServing)` : why;
}

/**
 * A replica commits once a second even without writes, so the age of a commit shows a hanging disk.
 */
function diskLines({ id, commitAgeMs, diskLow }: ReplicaView): string[] {
  const lines: string[] = [];
  if (commitAgeMs !== null && commitAgeMs >= COMMIT_MS_LONG)
    lines.push(`${id}: its disk has not finished a commit for ${renderMs(commitAgeMs)}`);
  if (diskLow === true)
    lines.push(`${id}: its disk is almost full; it refuses writes, and accepts reads and deletes`);
  return lines;
}

function clockLines({ id, clock }: ReplicaView): string[] {
  if (clock?.state !== 'drifted' && clock?.state !== 'disputed') return [];
  const apart = `${renderMs(Math.abs(clock.aheadMs))} ${clock.aheadMs < 0 ? 'behind' : 'ahead'}`;
  return [`${id}: its clock is ${clock.state} (${apart}); it refuses writes`];
}

function entries(count: number | null): string {
  return count === null ? 'unknown' : String(count);
}
