// `join`, `forget`, `drain`, `resume`: change the members, and whether a member answers clients.

import { setTimeout as sleep } from 'node:timers/promises';
import { pathTo } from '../api/routes.ts';
import type { ClusterView, MembershipView, PlaceView } from '../api/shapes.ts';
import { parseBaseUrl } from '../model/url.ts';
import type { Call, Client } from './client.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';
import { runJob } from './job.ts';
import { renderJson, renderTable } from './render.ts';
import type { Terminal } from './terminal.ts';
import { readView } from './views.ts';

type Output = 'table' | 'json';

export interface JoinOptions {
  readonly http?: string;
  readonly wait: boolean;
  readonly timeout?: string;
  readonly output: Output;
}

export interface ForgetOptions {
  readonly force?: boolean;
  readonly timeout?: string;
  readonly output: Output;
}

const COLUMNS = [
  { name: 'replica', title: 'REPLICA' },
  { name: 'region', title: 'REGION' },
  { name: 'peer', title: 'PEER' },
  { name: 'http', title: 'URL' },
  { name: 'since', title: 'SINCE', alignment: 'right' as const },
];
const POLL_MS = 500;
/**
 * After a change every replica begins a new incarnation, and may not answer for up to this time.
 */
const SILENCE_MS = 30_000;

export async function join(
  client: Client,
  terminal: Terminal,
  [id, region, peer]: readonly [id: string, region: string, peer: string],
  options: JoinOptions,
): Promise<ExitCode> {
  const { http, timeout, wait, output } = options;
  if (http !== undefined && parseBaseUrl(http) === undefined)
    throw new CommandError(EXIT.usage, '--http: must be an http or https URL without a path');
  const place: PlaceView = { id, region, peer, ...(http === undefined ? {} : { http }) };
  const view = await change(client, terminal, {
    method: 'POST',
    path: pathTo('join'),
    query: { timeout },
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(place)),
  });
  show(view, output, terminal);
  if (wait) await waitFor(client, id, terminal);
  return EXIT.ok;
}

export async function forget(
  client: Client,
  terminal: Terminal,
  id: string,
  { force, timeout, output }: ForgetOptions,
): Promise<ExitCode> {
  const view = await change(client, terminal, {
    method: 'POST',
    path: pathTo('forget', { id }),
    query: { timeout, force: force === true ? 'true' : undefined },
  });
  show(view, output, terminal);
  return EXIT.ok;
}

export async function drain(
  client: Client,
  terminal: Terminal,
  id: string | undefined,
  verb: 'drain' | 'resume',
  grace?: string,
): Promise<ExitCode> {
  const named = id ?? (await readView<ClusterView>(client, pathTo('cluster'))).node;
  const path = pathTo(verb, { id: named });
  await runJob(client, terminal, { method: 'POST', path, query: { grace } });
  terminal.out(verb === 'drain' ? `${named} accepts no clients any more\n` : `${named} serves\n`);
  return EXIT.ok;
}

async function change(client: Client, terminal: Terminal, call: Call): Promise<MembershipView> {
  const { membership } = await runJob(client, terminal, call);
  if (membership !== undefined) return membership;
  throw new CommandError(
    EXIT.unknown,
    `${client.url} did not report the members after the change; see conit status`,
  );
}

function show(view: MembershipView, output: Output, terminal: Terminal): void {
  if (output === 'json') {
    terminal.out(renderJson(view));
    return;
  }
  const rows = view.members.map(({ id, region, peer, http, since }) => ({
    replica: id,
    region,
    peer,
    http: http ?? '',
    since: String(since),
  }));
  terminal.out(`${renderTable(COLUMNS, rows)}\n`);
}

/**
 * Waits until the replica is connected and holds everything that the asked replica has written.
 * Progress goes to standard error.
 */
async function waitFor(client: Client, id: string, terminal: Terminal): Promise<void> {
  let said = '';
  let silentSinceMs: number | undefined;
  for (;;) {
    const progress = await look(client, id);
    if (progress === undefined) {
      silentSinceMs ??= performance.now();
      if (performance.now() - silentSinceMs > SILENCE_MS)
        throw new CommandError(
          EXIT.unavailable,
          `${client.url} does not answer any more; the change of the members itself has succeeded`,
        );
    } else silentSinceMs = undefined;
    const words = progress?.words ?? 'the cluster continues with its new members';
    if (words !== said) terminal.say(`${id}: ${words}\n`);
    said = words;
    if (progress?.isThere === true) return;
    await sleep(POLL_MS);
  }
}

/** `undefined` when no replica answers. */
async function look(
  client: Client,
  id: string,
): Promise<{ readonly words: string; readonly isThere: boolean } | undefined> {
  let view: ClusterView;
  try {
    view = await readView<ClusterView>(client, pathTo('cluster'));
  } catch (error) {
    if (error instanceof CommandError && error.exit === EXIT.unavailable) return undefined;
    throw error;
  }
  const replica = view.replicas.find((one) => one.id === id);
  if (replica === undefined) return { words: 'not a member yet', isThere: false };
  if (replica.state !== 'connected')
    return { words: 'a member; waiting until it starts', isThere: false };
  const lacks = replica.entriesItLacks;
  if (lacks === 0) return { words: `holds what ${view.node} has written`, isThere: true };
  const what = lacks === null ? 'its missing entries are not known yet' : `lacks ${lacks} entries`;
  return { words: `catching up; ${what}`, isThere: false };
}
