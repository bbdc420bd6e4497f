// `resync`: how far a replica has caught up, by its own report. With --watch the command polls
// until the replica holds everything that its peers hold and serves every namespace; it shows a
// progress bar on a terminal, and a line for each change elsewhere. While the replica restarts and
// does not answer, the command waits.

import { setTimeout as sleep } from 'node:timers/promises';
import { pathTo } from '../api/routes.ts';
import type { ClusterView, ReplicaView } from '../api/shapes.ts';
import type { Client } from './client.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';
import { renderJson } from './render.ts';
import type { Terminal } from './terminal.ts';
import { readView } from './views.ts';

export interface ResyncOptions {
  readonly watch?: boolean;
  /** Compare with every peer first, then watch. */
  readonly now?: boolean;
  readonly output: 'table' | 'json';
}

/** The progress of a replica. */
export interface Progress {
  readonly replica: string;
  readonly state: string;
  readonly phase: 'snapshot' | 'delta' | 'verifying' | 'done';
  /** 0 to 1, or null where it is unknown. */
  readonly share: number | null;
  readonly entriesMissing: number | null;
  /** Progress of a snapshot. */
  readonly parts: number | null;
  readonly records: number | null;
  /** Namespaces that are not served. */
  readonly waiting: readonly string[];
}

const POLL_MS = 250;
/** After this number of failed calls in a row the replica counts as gone. */
const FAILURES_MAX = 120;
const BAR_WIDTH = 24;

export async function resync(
  client: Client,
  terminal: Terminal,
  { now = false, watch = now, output }: ResyncOptions,
): Promise<ExitCode> {
  if (now) await begin(client);
  const show = createDisplay(terminal, output, watch);
  let mostMissing = 0;
  let failures = 0;
  for (let asked = 0; ; asked++) {
    try {
      const view = await readView<ClusterView>(client, pathTo('cluster'));
      const progress = progressOf(view, mostMissing);
      mostMissing = Math.max(mostMissing, progress.entriesMissing ?? 0);
      failures = 0;
      const isLast = !watch || progress.phase === 'done';
      show(progress, isLast);
      if (isLast) return EXIT.ok;
    } catch (error) {
      const isPassing = error instanceof CommandError && error.exit === EXIT.unavailable;
      if (asked === 0 || !watch || !isPassing || ++failures >= FAILURES_MAX) throw error;
    }
    await sleep(POLL_MS);
  }
}

async function begin(client: Client): Promise<void> {
  const { node } = await readView<ClusterView>(client, pathTo('cluster'));
  await client.call({ method: 'POST', path: pathTo('resync', { id: node }) });
}

/**
 * `mostMissing`: the largest number of missing entries so far; the progress of a delta is relative
 * to it.
 */
export function progressOf({ node, replicas }: ClusterView, mostMissing: number): Progress {
  const self = replicas.find((replica) => replica.self);
  if (self === undefined)
    throw new CommandError(EXIT.unavailable, `${node} does not report its own state`);
  const { copy, state, namespaces, entriesMissing } = self;
  const waiting = (namespaces ?? []).flatMap((each) =>
    each.answers ? [] : [`${each.namespace} ${each.state}`],
  );
  const phase = phaseOf(self, waiting.length);
  return {
    replica: self.id,
    state,
    phase,
    share: phase === 'done' ? 1 : (copy?.share ?? shareOf(entriesMissing, mostMissing)),
    entriesMissing,
    parts: copy?.parts ?? null,
    records: copy?.records ?? null,
    waiting,
  };
}

function phaseOf({ copy, state, entriesMissing }: ReplicaView, waiting: number): Progress['phase'] {
  if (copy !== undefined) return 'snapshot';
  if (entriesMissing === null || entriesMissing > 0) return 'delta';
  return state === 'serving' && waiting === 0 ? 'done' : 'verifying';
}

function shareOf(missing: number | null, most: number): number | null {
  return missing === null || most === 0 ? null : Math.max(0, 1 - missing / most);
}

type Display = (progress: Progress, isLast: boolean) => void;

function createDisplay(terminal: Terminal, output: 'table' | 'json', watch: boolean): Display {
  let last = '';
  return (progress, isLast) => {
    if (output === 'json') {
      const text = watch ? `${JSON.stringify(progress)}\n` : renderJson(progress);
      if (text !== last) terminal.out(text);
      last = text;
    } else if (watch && terminal.isOutTty) {
      const line = `${barOf(progress.share)} ${lineOf(progress)}`.slice(0, terminal.columns - 1);
      terminal.out(`\r\x1b[K${line}${isLast ? '\n' : ''}`);
    } else {
      const line = `${lineOf(progress)}\n`;
      if (line !== last) terminal.out(line);
      last = line;
    }
  };
}

export function barOf(share: number | null): string {
  if (share === null) return `[${'?'.repeat(BAR_WIDTH)}]`;
  const done = Math.floor(share * BAR_WIDTH);
  return `[${'#'.repeat(done)}${'-'.repeat(BAR_WIDTH - done)}]`;
}

function lineOf(progress: Progress): string {
  const { replica, state, phase, share, waiting } = progress;
  const percent = share === null ? '' : ` ${Math.floor(share * 100)} %`;
  const rest = waiting.length === 0 ? '' : `; ${waiting.join(', ')}`;
  return `${replica} ${state}: ${WORDS[phase](progress)}${percent}${rest}`;
}

const WORDS: { readonly [phase in Progress['phase']]: (progress: Progress) => string } = {
  snapshot: ({ parts, records }) => `snapshot, ${records} records in ${parts} parts,`,
  delta: ({ entriesMissing }) =>
    entriesMissing === null ? 'no peer is connected' : `${entriesMissing} entries missing,`,
  verifying: () => 'has all entries, verifying,',
  done: () => 'caught up,',
};
