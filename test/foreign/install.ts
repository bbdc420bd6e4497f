// Packages of others, in a temporary folder: they are no dependencies of the project.

import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const INSTALL_MS_MAX = 300_000;
const PROBE_MS_MAX = 20_000;
const FLAGS = ['--ignore-scripts', '--no-audit', '--no-fund', '--engine-strict=false'];
/** What npm says when it does not reach the registry. */
const UNREACHED = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|ENETUNREACH|ENOTCACHED/;

/** The folder, or why the packages are not available here. Any other error is thrown. */
export async function install(
  packages: readonly string[],
  folder: string,
): Promise<string | { readonly reason: string }> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  try {
    await run('npm', ['ping', '--fetch-retries=0'], { timeout: PROBE_MS_MAX });
    await run('npm', ['install', ...FLAGS, ...packages], { cwd: folder, timeout: INSTALL_MS_MAX });
    return folder;
  } catch (error) {
    const isLate = (error as { readonly killed?: boolean }).killed === true;
    const code = isLate ? 'it does not answer' : UNREACHED.exec(String(error))?.[0];
    if (code === undefined) throw error;
    return { reason: `the npm registry cannot be reached (${code})` };
  }
}
