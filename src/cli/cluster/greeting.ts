// What a person sees when the cluster is ready: the addresses and folders, and commands to paste.

import { basename, relative } from 'node:path';
import { URL_DEFAULT } from '../../config/load.ts';
import { renderTable } from '../render.ts';
import type { ClusterRequest, PlannedReplica } from './plan.ts';
import { describeDistances } from './wan.ts';

const COLUMNS = [
  { name: 'replica', title: 'REPLICA' },
  { name: 'region', title: 'REGION' },
  { name: 'clients', title: 'CLIENTS' },
  { name: 'peers', title: 'PEERS' },
  { name: 'data', title: 'DATA' },
];

export function greeting(
  plans: readonly PlannedReplica[],
  { wan, dataDir }: ClusterRequest,
): string {
  const regions = plans.map(({ region }) => region);
  const rows = plans.map((plan) => ({
    replica: plan.id,
    region: plan.region,
    clients: plan.url,
    peers: `127.0.0.1:${plan.peerPort}`,
    data: relative('.', plan.dataDir) || '.',
  }));
  const distance = wan ? `\nOne-way distance: ${describeDistances(regions)}.\n` : '';
  const first = plans[0]?.url ?? '';
  const other = plans[1]?.url ?? first;
  return `
${renderTable(COLUMNS, rows)}
${distance}
Write in one region, read in another:

  curl -i -X PUT '${first}/v1/kv/demo/hello?w=majority' -H 'Content-Type: text/plain' -d 'Hello, world'
  curl -i ${other}/v1/kv/demo/hello
  ${commandName()} status${first === URL_DEFAULT ? '' : ` --url ${first}`}

Namespaces to try: demo, profiles, sensors, catalog (${first}/v1/namespaces).
Ctrl-C stops the cluster and keeps its data in ${relative('.', dataDir) || '.'}.

`;
}

/** How this program was called, so that the line can be pasted. */
function commandName(): string {
  const script = process.argv[1] ?? 'conit';
  return basename(script) === 'conit' ? 'conit' : `node ${relative('.', script)}`;
}
