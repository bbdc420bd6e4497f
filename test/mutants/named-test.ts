// Runs the tests with one name in a copy.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Sandbox } from './sandbox.ts';

export type Tested =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly reason: string }
  /** No such test, or its file did not load. */
  | { readonly kind: 'broken'; readonly reason: string };

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const REPORT = 'named-test.json';
/** The limit for an endless loop; a busy machine needs long for a test. */
const TEST_MS_MAX = 900_000;

export async function runNamed(sandbox: Sandbox, file: string, name: string): Promise<Tested> {
  const path = join(sandbox.path, REPORT);
  rmSync(path, { force: true });
  const vitest = join('node_modules', 'vitest', 'vitest.mjs');
  const report = ['--reporter=json', `--outputFile=${REPORT}`];
  const pattern = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const args = [vitest, 'run', file, '-t', pattern, ...report];
  const { code, stderr } = await sandbox.run(args, TEST_MS_MAX);
  // A test that does not end counts as failed. Vitest ends it itself, unless the loop never yields.
  if (code === 'hung') return { kind: 'failed', reason: 'it did not end' };
  return judge(read(path), stderr);
}

function judge(report: Report | undefined, stderr: string): Tested {
  if (report === undefined) return { kind: 'broken', reason: stderr.trim().slice(0, 200) };
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = tests.find(({ status }) => status === 'failed');
  if (failed !== undefined) {
    const [reason = ''] = (failed.failureMessages[0] ?? '').split('\n');
    return { kind: 'failed', reason };
  }
  if (tests.some(({ status }) => status === 'passed')) return { kind: 'passed' };
  const message = report.testResults.find((result) => result.message !== '')?.message;
  return { kind: 'broken', reason: message?.split('\n')[0] ?? 'there is no test of this name' };
}

function read(path: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}
