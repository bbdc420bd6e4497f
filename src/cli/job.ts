// Runs a job of a replica: the command requests the job, polls it with short calls, and reports its
// progress on standard error until it ends. A replica that begins a new incarnation does not answer
// for a moment; a process that restarted no longer knows the job.

import { setTimeout as sleep } from 'node:timers/promises';
import { preferWait } from '../api/request-headers.ts';
import { PROBLEM_TYPE } from '../api/problems.ts';
import { pathTo } from '../api/routes.ts';
import type { JobView } from '../api/shapes.ts';
import { type Answer, type Call, type Client, refusalOf } from './client.ts';
import { CommandError, EXIT } from './exit.ts';
import type { Terminal } from './terminal.ts';

/** How long the client waits in one call. */
const WAIT_S = 2;
const AGAIN_MS = 500;
/** After this number of failed calls in a row the replica counts as gone. */
const FAILURES_MAX = 60;

/** Resolves with the ended job; fails if the job failed. */
export async function runJob(client: Client, terminal: Terminal, call: Call): Promise<JobView> {
  const first = await client.call({ ...call, headers: { ...call.headers, ...PREFER } });
  let job = viewOf(first.body);
  let said = '';
  while (job.state === 'running') {
    const words = wordsOf(job);
    if (words !== said) terminal.say(`${job.target}: ${words}\n`);
    said = words;
    job = await look(client, job.id);
  }
  if (job.state === 'failed') throw failureOf(job);
  return job;
}

const PREFER = { prefer: preferWait(WAIT_S) };

/** The job after at most `WAIT_S`, or earlier if it has ended. */
async function look(client: Client, id: string): Promise<JobView> {
  for (let failures = 0; ; failures++) {
    try {
      const path = pathTo('job', { id });
      return viewOf((await client.call({ method: 'GET', path, headers: PREFER })).body);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (error.exit === EXIT.no)
        throw new CommandError(
          EXIT.unknown,
          `${client.url} restarted and lost track of the job, which may or may not have ended; see conit status`,
        );
      if (error.exit !== EXIT.unavailable || failures >= FAILURES_MAX) throw error;
    }
    await sleep(AGAIN_MS);
  }
}

function viewOf(body: Uint8Array): JobView {
  return JSON.parse(Buffer.from(body).toString()) as JobView;
}

function failureOf({ problem }: JobView): CommandError {
  const body = Buffer.from(JSON.stringify(problem ?? {}));
  const header: Answer['header'] = (name) => (name === 'Content-Type' ? PROBLEM_TYPE : undefined);
  return refusalOf({ status: problem?.status ?? 500, body, header }, true);
}

function wordsOf({ progress = {} }: JobView): string {
  const { step, agreed = [], members, requests, entriesMissing, copy, waiting = [] } = progress;
  if (step !== undefined) return `${step}; ${agreed.length} of ${members} agree`;
  if (requests !== undefined) return `${requests} requests are not answered yet`;
  if (copy !== undefined) return `copying a snapshot, ${copy.records} records so far`;
  if (entriesMissing === null) return 'no peer is connected';
  if (entriesMissing !== undefined && entriesMissing > 0) return `lacks ${entriesMissing} entries`;
  return waiting.length > 0 ? `waiting to serve ${waiting.join(', ')}` : 'starting';
}
