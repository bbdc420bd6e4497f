// `status`: the cluster as one replica sees it. LAG is a proved upper bound on the age of what that replica may lack:
// of everything in its own row, of a peer's writes in the peer's row.

import type { Client } from './client.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { renderJson, renderMs, renderTable } from './render.ts';
import type { Terminal } from './terminal.ts';
import { type ClusterView, readView, type ReplicaView } from './views.ts';

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
  const view = await readView<ClusterView>(client, '/v1/cluster');
  if (output === 'json') {
    terminal.out(renderJson(view));
    return EXIT.ok;
  }
  terminal.out(`${renderTable(COLUMNS, view.replicas.map(rowOf))}\n`);
  return EXIT.ok;
}

function rowOf(replica: ReplicaView) {
  const { self } = replica;
  return {
    replica: self ? `${replica.id} *` : replica.id,
    region: replica.region,
    state: replica.state,
    lag: renderMs(replica.stalenessMs),
    lacks: self ? '' : entries(replica.entriesWeLack),
    itLacks: self ? '' : entries(replica.entriesItLacks),
    rtt: self ? '' : renderMs(replica.rttMs ?? undefined),
    url: replica.url ?? '',
  };
}

function entries(count: number | null): string {
  return count === null ? 'unknown' : String(count);
}
