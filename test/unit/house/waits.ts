// Fixed waits in tests. A test that waits a fixed time for something fails on a busy machine, and
// wastes the time on an idle one. It should wait for progress (test/support/wait.ts), with a bound
// that only prevents waiting for ever. Allowed waits are listed here, with the reason.
//
//  fixed-wait    `sleep` or `setTimeout` that is not a pause between two polls
//  short-bound   a time after which something is given up, of less than SHORT_MS: as the last
//                argument of `until`, as a `timeout` of a program that is run, or as the time in
//                which replicas become ready

import type { SourceFile } from './source.ts';

export interface Wait {
  readonly rule: 'fixed-wait' | 'short-bound';
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** Files that wait for a fixed time, how often, and why. */
export const allowed: { readonly [path: string]: readonly [times: number, reason: string] } = {
  'browser/browser.ts': [2, 'bounds against waiting for ever'],
  'contract/network.test.ts': [1, 'a pause between two looks'],
  'contract/peer-security.test.ts': [1, 'a pause between two looks'],
  'crash/flip-judge.ts': [1, 'a pause between two looks'],
  'crash/mounts.ts': [1, 'a pause between two tries'],
  'crash/parts/kill.ts': [1, 'how long a life lasts is the fault'],
  'crash/parts/power.ts': [2, 'when the power goes is the fault'],
  'crash/parts/restore.ts': [1, 'how old the copy is, is the fault'],
  'crash/victim.ts': [1, 'a life is numbered by the second in which it begins'],
  'crash/writers.ts': [1, 'a pause between two tries'],
  'deploy/prometheus.ts': [1, 'a bound against waiting for ever'],
  'e2e/health.test.ts': [1, 'that a replica stands still for a while is the subject'],
  'faults/cell.ts': [2, 'how long a fault and the calm after it last'],
  'faults/nemesis/nemesis.ts': [1, 'how long a fault lasts'],
  'mutants/child.ts': [1, 'a bound against waiting for ever'],
  'property/http/fuzz.test.ts': [
    1,
    'that nothing hangs is the subject; the server has a shorter time',
  ],
  'property/simulation.property.test.ts': [1, 'that timers refuse is the subject'],
  'support/processes.ts': [2, 'a pause between two looks, and a bound against waiting for ever'],
  'support/load/client.ts': [1, 'a pause between two tries'],
  'support/load/workload.ts': [1, 'the pace of a load'],
  'support/lone-replica.ts': [1, 'a pause between two looks'],
  'support/nemesis.ts': [1, 'how long a life lasts is the fault'],
  'support/raw-http.ts': [1, 'the time-out of a client'],
  'support/tcp-proxy.ts': [1, 'distance'],
  'support/wait.ts': [1, 'the pause between two looks'],
  'unit/http/harness.ts': [2, 'that nothing more comes; server and client share a loop'],
  'unit/http/host-service.ts': [2, 'the timer and the disk of a host'],
  'unit/http/twin.ts': [2, 'bounds against waiting for ever'],
  'unit/http/jobs.test.ts': [2, 'what is waited for comes later; any later will do'],
  'unit/http/messages.test.ts': [1, 'that nothing happens for a while is the subject'],
};

/** The length of a measurement is fixed. */
const APART = ['bench/', 'simulation/', 'unit/house/'];
const SHORT_MS = 60_000;

const WAIT = /\b(?:sleep|setTimeout)\(/g;
const LOOP = /\b(?:while|for) \(/;
const BOUND =
  /(?:\btimeout|readyTimeoutMs): (?<option>[0-9_]+)|\buntil\(.*, (?<argument>[0-9_]+)\)/g;

export function waitsIn({ path, text }: SourceFile): Wait[] {
  if (APART.some((room) => path.startsWith(room))) return [];
  const waits: Wait[] = [];
  const lines = text.split('\n');
  for (const [index, written] of lines.entries()) {
    const line = written.replace(/^\s*(?:\/\/|\/\*|\*).*$/, '');
    const at = { path, line: index + 1, text: line.trim() };
    if (!LOOP.test(line) && !LOOP.test(lines[index - 1] ?? ''))
      for (const _ of line.matchAll(WAIT)) waits.push({ rule: 'fixed-wait', ...at });
    for (const { groups } of line.matchAll(BOUND)) {
      const ms = Number((groups?.['option'] ?? groups?.['argument'] ?? '').replaceAll('_', ''));
      if (ms < SHORT_MS) waits.push({ rule: 'short-bound', ...at });
    }
  }
  return waits;
}

/** Waits beyond those allowed, and allowed ones that do not exist any more. */
export function flawsOf(waits: readonly Wait[]): string[] {
  const flaws: string[] = [];
  const paths = new Set([...waits.map(({ path }) => path), ...Object.keys(allowed)]);
  for (const path of [...paths].sort()) {
    const fixed = waits.filter((wait) => wait.path === path && wait.rule === 'fixed-wait');
    const [times] = allowed[path] ?? [0];
    const lines = fixed.map(({ line, text }) => `${line}: ${text}`).join('; ');
    if (fixed.length > times) flaws.push(`${path} waits for a time (${lines}): wait for progress`);
    if (fixed.length < times) flaws.push(`${path} has ${fixed.length} fixed waits, not ${times}`);
  }
  for (const { rule, path, line, text } of waits)
    if (rule === 'short-bound') flaws.push(`${path}:${line} gives up soon: ${text}`);
  return flaws;
}
