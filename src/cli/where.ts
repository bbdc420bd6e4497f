// `where`: what every replica holds under a key. The exit code is `no` if no replica has a live
// value.

import { pathTo } from '../api/routes.ts';
import type { ExplainView, VersionView } from '../api/shapes.ts';
import type { Client } from './client.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { inPath } from './keys.ts';
import { renderJson, renderMs, renderTable } from './render.ts';
import type { Terminal } from './terminal.ts';
import { readView } from './views.ts';

const COLUMNS = [
  { name: 'replica', title: 'REPLICA' },
  { name: 'region', title: 'REGION' },
  { name: 'holds', title: 'HOLDS' },
  { name: 'version', title: 'VERSION' },
  { name: 'size', title: 'SIZE', alignment: 'right' as const },
  { name: 'age', title: 'AGE', alignment: 'right' as const },
  { name: 'missing', title: 'MISSING' },
];

export async function where(
  client: Client,
  terminal: Terminal,
  [namespace, key]: readonly [string, string],
  output: 'table' | 'json',
): Promise<ExitCode> {
  const view = await readView<ExplainView>(client, pathTo('explain', inPath(namespace, key)));
  if (output === 'json') terminal.out(renderJson(view));
  else terminal.out(`${renderTable(COLUMNS, view.replicas.map(rowOf))}\n${tombstoneOf(view)}`);
  return view.replicas.some(isLive) ? EXIT.ok : EXIT.no;
}

/** Why the tombstone is still kept. */
function tombstoneOf({ tombstone }: ExplainView): string {
  if (tombstone === undefined) return '';
  const { version, blockedBy } = tombstone;
  const wait =
    blockedBy.length > 0 ? `until heard from ${blockedBy.join(', ')}` : 'for a moment longer';
  return `tombstone ${version} is kept ${wait}\n`;
}

function isLive({ answer, deleted }: VersionView): boolean {
  return answer === 'record' && deleted !== true;
}

function rowOf(replica: VersionView) {
  return {
    replica: replica.id,
    region: replica.region,
    holds: holdingOf(replica),
    version: replica.version ?? '',
    size: replica.deleted === true ? '' : (replica.size ?? ''),
    age: replica.ageMs === undefined ? '' : renderMs(replica.ageMs),
    missing: missingOf(replica),
  };
}

function holdingOf({ answer, deleted, newest }: VersionView): string {
  if (answer === 'absent') return 'nothing';
  if (answer !== 'record') return answer === 'damaged' ? 'damaged record' : 'no answer';
  const what = deleted === true ? 'tombstone' : 'value';
  return newest === true ? `newest ${what}` : `older ${what}`;
}

/** The entries of other origins' logs that it lacks: `us-1.3: 12 entries`. */
function missingOf({ missing }: VersionView): string {
  return missing.map(({ origin, entries }) => `${origin}: ${entries} entries`).join(', ');
}
