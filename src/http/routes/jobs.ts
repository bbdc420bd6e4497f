// GET /v1/jobs/{id}, and the answer to a request for long work: 202 with a job. If the job ends
// within the time that the client prefers to wait (RFC 7240), 200 with the job or the problem that
// ended it.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { addRoute, type App } from './add-route.ts';
import { pathTo } from '../../api/routes.ts';
import type { HttpContext } from '../context.ts';
import type { JobKind } from '../jobs/job-course.ts';
import type { Job } from '../jobs/jobs.ts';
import { isFault, problemDocument, type Refusal, refusal } from '../problem.ts';
import { replyJson, replyProblem } from './reply.ts';
import { timeText } from '../form/reply-head.ts';
import { type JobView } from '../../api/shapes.ts';
import { preferWait, readWait } from '../../api/request-headers.ts';

/**
 * If a job ends within this time, as most refusals do, the client is answered as if it had waited.
 */
const AT_ONCE_MS = 50;
const NO_JOB = refusal('job-not-found', 'this replica knows no job with this id');
const TOO_MANY = refusal(
  'overloaded',
  'too many jobs are running; try again when one of them has ended',
);

export function jobRoutes(app: App, context: HttpContext): void {
  addRoute(app, context, 'job', async ({ request, reply, path }) => {
    const job = context.jobs.find(path.id);
    if (job === undefined) return replyProblem(context, reply, NO_JOB);
    const waitMs = waitOf(request);
    if (isFault(waitMs)) return replyProblem(context, reply, waitMs);
    if (waitMs !== undefined) await waitFor(job, waitMs, reply);
    await context.jobs.look(job);
    return replyJson(context, reply, viewOf(context, job));
  });
}

/** `run` starts the work and ensures that the job ends. */
export async function answerJob(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  work: { readonly kind: JobKind; readonly target: string; run(job: Job): void },
): Promise<FastifyReply> {
  const waitMs = waitOf(request);
  if (isFault(waitMs)) return replyProblem(context, reply, waitMs);
  const job = context.jobs.begin(work.kind, work.target);
  if (job === undefined) return replyProblem(context, reply, TOO_MANY);
  work.run(job);
  if (waitMs === undefined) await job.wait(AT_ONCE_MS);
  else await waitFor(job, waitMs, reply);
  await context.jobs.look(job);
  reply.header('Location', pathTo('job', { id: job.id }));
  if (job.problem !== undefined) return replyProblem(context, reply, job.problem);
  reply.code(job.state === 'done' ? 200 : 202);
  return replyJson(context, reply, viewOf(context, job));
}

function waitOf({ headers }: FastifyRequest): number | undefined | Refusal {
  return readWait([headers['prefer']].flat().join(','));
}

async function waitFor(job: Job, ms: number, reply: FastifyReply): Promise<void> {
  reply.header('Preference-Applied', preferWait(ms / 1000));
  await job.wait(ms);
}

function viewOf(context: HttpContext, job: Job): JobView {
  const { id, kind, target, state, sinceMs, endedMs, progress, problem, members } = job;
  return {
    id,
    kind,
    target,
    node: context.self.id,
    state,
    since: timeOf(sinceMs),
    ended: endedMs === undefined ? null : timeOf(endedMs),
    ...(progress === undefined ? {} : { progress }),
    ...(members === undefined ? {} : { membership: members }),
    ...(problem === undefined ? {} : { problem: problemDocument(problem, context.source) }),
  };
}

function timeOf(ms: number): string {
  return timeText(ms);
}
