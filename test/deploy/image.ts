// The image: built from the repository, and inspected before anything runs in it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository, run } from './command.ts';
import { canGetImage, docker } from './compose.ts';
import { NotRun, type Step } from './report.ts';

/** The messages of npm, and of Node below it, when a registry cannot be reached. */
const NO_NETWORK = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH/;
const BUILD_MS = 15 * 60_000;

export async function checkImage(step: Step, image: string): Promise<void> {
  const base = baseImage();
  if (!(await canGetImage(base))) throw new NotRun(`${base} is not here and cannot be pulled`);
  await step('the image is built', () => build(image));
  await step('it runs as nobody special, node first, and is watched', async () => {
    const format = '{{.Config.User}} {{json .Config.Entrypoint}} {{json .Config.Healthcheck.Test}}';
    const seen = await docker('image', 'inspect', image, '--format', format);
    if (!/^1000:1000 \["node",.*\/livez/.test(seen)) throw new Error(seen);
    return undefined;
  });
  await step('it runs without a network, privileges and a writable root', async () => {
    const bare = ['--rm', '--read-only', '--network', 'none', '--cap-drop', 'ALL'];
    return docker('run', ...bare, image, '--version');
  });
  await step('it holds nothing that only a build needs', async () => {
    const script = `const { readdirSync, existsSync } = require('node:fs');
      const found = ['typescript', 'vitest', 'tsx'].filter((name) => existsSync('node_modules/' + name));
      console.log([...readdirSync('.'), ...found].sort().join(' '));`;
    const bare = ['--rm', '--network', 'none', '--entrypoint', 'node'];
    const seen = await docker('run', ...bare, image, '-e', script);
    if (seen !== 'dist node_modules package.json') throw new Error(`found ${seen}`);
    return undefined;
  });
}

/** Tries the network of the host if that of containers does not work. */
async function build(image: string): Promise<string> {
  for (const network of ['default', 'host']) {
    const args = ['build', '--force-rm', '--network', network, '-t', image, '.'];
    const { ok, output } = await run('docker', args, { timeoutMs: BUILD_MS });
    if (ok) return docker('image', 'inspect', image, '--format', '{{.Size}} bytes');
    if (!NO_NETWORK.test(output)) throw new Error(output.trim().slice(-1500));
  }
  throw new NotRun('no way from a build to a package registry');
}

function baseImage(): string {
  const dockerfile = readFileSync(join(repository, 'Dockerfile'), 'utf8');
  const base = /^FROM (\S+)/m.exec(dockerfile)?.[1];
  if (base === undefined) throw new Error('the Dockerfile has no FROM');
  return base;
}
