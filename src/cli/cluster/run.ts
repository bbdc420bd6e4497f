// `conit cluster`: a whole cluster on this machine. Prepare, start every replica as a child
// process, wait until all are ready, print how to use it, watch it, and on Ctrl-C stop it in order.

import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError, EXIT, type ExitCode } from '../exit.ts';
import { heedsHangUp } from '../hang-up.ts';
import type { Terminal } from '../terminal.ts';
import { type Child, createChild } from './child.ts';
import { greeting } from './greeting.ts';
import { isReady } from './health.ts';
import { type ClusterRequest, planCluster } from './plan.ts';
import { prepareData, requirePorts } from './prepare.ts';
import { createScreen, type Screen, warningOf } from './screen.ts';
import { createWatch } from './watch.ts';

/** A start may take this long while all replicas run; if one ends, that is reported at once. */
const READY_TIMEOUT_MS = 300_000;
const READY_POLL_MS = 50;

export interface ClusterOptions extends ClusterRequest {
  readonly restart: boolean;
}

export async function runCluster(options: ClusterOptions, terminal: Terminal): Promise<ExitCode> {
  const plans = planCluster(options);
  await requirePorts(plans);
  prepareData(options.dataDir);
  const screen = createScreen(terminal);
  const listener = {
    onLine(child: Child, line: string) {
      const warning = warningOf(line);
      if (warning !== undefined) screen.say(`${child.plan.id}  ${warning}`);
    },
    onEvent: (child: Child, text: string) => screen.say(`${child.plan.id}  ${text}`),
  };
  const children = plans.map((plan) => createChild(plan, options.restart, listener));
  const interruption = watchSignals(children, screen);
  for (const child of children) child.start();
  const outcome = await Promise.race([becomeReady(children), interruption.begun]);
  if (outcome === 'ready') {
    terminal.out(greeting(plans, options));
    await watchUntilEnd(children, screen, interruption.begun);
  }
  screen.close();
  await stopAll(children);
  if (outcome === 'failed') throw failure(children);
  return interruption.exit();
}

/** `failed` as soon as one replica has ended for good before it was ready. */
async function becomeReady(children: readonly Child[]): Promise<'ready' | 'failed'> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  const waiting = new Set(children);
  while (waiting.size > 0) {
    for (const child of waiting) {
      if (child.state === 'ended' || child.state === 'given-up') return 'failed';
      if (await isReady(child.plan.url)) waiting.delete(child);
    }
    if (performance.now() > deadline) return 'failed';
    if (waiting.size > 0) await sleep(READY_POLL_MS);
  }
  return 'ready';
}

function failure(children: readonly Child[]): CommandError {
  const logs = children.map(({ plan }) => `  ${relative('.', plan.logFile)}`).join('\n');
  return new CommandError(
    EXIT.unavailable,
    `the cluster did not become ready and was stopped; its logs say why:\n${logs}`,
  );
}

async function watchUntilEnd(
  children: readonly Child[],
  screen: Screen,
  interrupted: Promise<unknown>,
): Promise<void> {
  const watch = createWatch(children, screen);
  const ended = watch.untilAllEnded();
  await Promise.race([interrupted, ended]);
  watch.stop();
}

async function stopAll(children: readonly Child[]): Promise<void> {
  await Promise.all(children.map((child) => child.stop()));
}

interface Interruption {
  readonly begun: Promise<'interrupted'>;
  exit(): ExitCode;
}

/**
 * A signal for a whole process group arrives several times: by itself, and passed on by npm and by
 * the script that started this process.
 */
const SAME_SIGNAL_MS = 1000;

/** The first signal stops the cluster in order, a second one at once. */
function watchSignals(children: readonly Child[], screen: Screen): Interruption {
  let signals = 0;
  let firstMs = 0;
  let begin: (outcome: 'interrupted') => void = () => undefined;
  const begun = new Promise<'interrupted'>((resolve) => (begin = resolve));
  const onSignal = (): void => {
    const nowMs = performance.now();
    if (signals === 1 && nowMs - firstMs < SAME_SIGNAL_MS) return;
    signals++;
    if (signals === 1) {
      firstMs = nowMs;
      screen.live('');
      screen.say('stopping in order; a second Ctrl-C stops at once');
      begin('interrupted');
      return;
    }
    for (const child of children) child.kill();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', heedsHangUp() ? onSignal : () => undefined);
  return {
    begun,
    exit: () => (signals === 1 ? EXIT.ok : signals > 1 ? EXIT.interrupted : EXIT.unavailable),
  };
}
