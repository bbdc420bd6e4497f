// Headless Chromium: opens a page until it has reported its outcomes. The names of other sites
// resolve to this machine.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

export interface Surroundings {
  /** The folder of its files. */
  readonly profile: string;
  /** The port of the pages. */
  readonly port: number;
  /** The port of the attacked replica. */
  readonly victim: number;
}

type Outcomes = { readonly [attempt: string]: string };

export interface Browser {
  /** Opens `url` until `told` returns a report. */
  open(url: string, around: Surroundings, told: () => Promise<Outcomes>): Promise<Outcomes>;
  /** The document at `url` after all redirects. */
  dump(url: string, around: Surroundings): Promise<string>;
}

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
/** After this time without a report, a page is given up. */
const PATIENCE_MS = 120_000;

export function findBrowser(): Browser | undefined {
  const program = PROGRAMS.find(
    (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
  );
  if (program === undefined) return undefined;
  return {
    async open(url, around, told) {
      const child = start(program, [...optionsOf(around), url]);
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
      try {
        const silence = once(patience.signal, 'abort').then(() => ({ silence: 'it told nothing' }));
        return await Promise.race([told(), silence]);
      } finally {
        clearTimeout(timer);
        await end(child);
      }
    },
    async dump(url, around) {
      const child = start(program, [...optionsOf(around), '--dump-dom', '--timeout=10000', url]);
      let text = '';
      child.stdout?.setEncoding('utf8').on('data', (part: string) => (text += part));
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
      await once(child, 'close');
      clearTimeout(timer);
      return text;
    },
  };
}

function optionsOf({ profile }: Surroundings): string[] {
  const names = [
    'MAP evil.example 127.0.0.1',
    'MAP console.example 127.0.0.1',
    'MAP rebound.example 127.0.0.2',
  ];
  return [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    `--user-data-dir=${profile}`,
    `--host-resolver-rules=${names.join(', ')}`,
  ];
}

function start(program: string, options: readonly string[]): ChildProcess {
  return spawn(program, options, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
}

/** Ends it with the processes that it has started. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) return;
  const gone = once(child, 'close');
  child.stdout?.resume();
  process.kill(-child.pid, 'SIGKILL');
  await gone;
}
