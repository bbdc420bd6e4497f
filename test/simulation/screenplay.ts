// A run as text: faults, notes and requests in the order of virtual time; the last ones, or those
// around a failure.

import type { Operation } from '../checkers/operation.ts';
import type { Run } from './run.ts';

interface Line {
  readonly atMs: number;
  readonly text: string;
}

/** The last `count` lines. */
export function screenplay(run: Run, count: number): string {
  const lines = [...faults(run), ...notes(run), ...requests(run)].toSorted(
    (a, b) => a.atMs - b.atMs,
  );
  return lines
    .slice(-count)
    .map(({ atMs, text }) => `${atMs.toFixed(1).padStart(9)} ms  ${text}`)
    .join('\n');
}

export function describeOperation({
  type,
  value,
  result,
  node,
  ns,
  key,
  ...rest
}: Operation): string {
  const copies = 'w' in rest ? ` w=${rest.w}` : 'r' in rest ? ` r=${rest.r}` : '';
  const what = type === 'put' ? ` := ${short(value)}` : '';
  const got = gotOf(result);
  const outcome = rest.ok === true ? 'ok' : rest.ok === false ? 'refused' : 'unknown';
  const ver = rest.ver === null ? '' : ` (${rest.ver})`;
  const reason = rest.reason === undefined || rest.reason === '' ? '' : ` ${rest.reason}`;
  return `client ${rest.session} asks ${node}: ${type} ${ns}/${key}${what}${copies}${got}${ver} ${outcome}${reason}`;
}

function gotOf(result: Operation['result']): string {
  if (result === null) return '';
  return typeof result === 'string' ? ` -> ${short(result)}` : `[${result.length} items]`;
}

function faults({ strikes }: Run): Line[] {
  return strikes.flatMap(({ strike, evidence }) => {
    const { fault, atMs, untilMs, target } = strike;
    if (evidence === undefined) return [];
    return [
      { atMs, text: `FAULT ${fault} at ${target}: ${evidence}` },
      { atMs: untilMs, text: `END   ${fault} at ${target}` },
    ];
  });
}

function notes({ cluster }: Run): Line[] {
  return cluster.notes.map(({ atMs, replica, level, event, fields }) => ({
    atMs,
    text: `NOTE  ${replica} ${level} ${event} ${JSON.stringify(fields)}`,
  }));
}

function requests({ workload }: Run): Line[] {
  return workload.history
    .filter(({ type }) => type !== 'fault')
    .map((operation) => ({
      atMs: operation.return_ns / 1e6,
      text: describeOperation(operation),
    }));
}

function short(text: string | null): string {
  const plain = text ?? 'nothing';
  return plain.length > 24 ? `${plain.slice(0, 24)}…` : plain;
}
