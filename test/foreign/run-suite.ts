// One suite in a process of its own. Its last line is its summary; if it failed, its whole output
// is shown.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Suite } from './suites.ts';

const SHOWN_LINES_MAX = 200;

export async function runSuite(
  { program }: Suite,
  modules: string,
  urls: readonly string[],
): Promise<{ readonly ok: boolean; readonly said: string }> {
  const script = join(import.meta.dirname, program);
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const child = spawn(process.execPath, [script, modules, ...urls], { stdio: [...stdio] });
  const lines: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => lines.push(...text.split('\n')));
  const [code] = (await once(child, 'close')) as [number | null];
  const said = lines.findLast((line) => line.trim() !== '') ?? 'said nothing';
  if (code !== 0) for (const line of lines.slice(0, SHOWN_LINES_MAX)) console.log(line);
  return { ok: code === 0, said };
}
