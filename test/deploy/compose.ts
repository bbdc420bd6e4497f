// A compose project of its own, with other names, ports and secrets than a cluster that runs from
// the same folder. It uses Docker's plugin if that is installed, otherwise the older
// docker-compose.

import { has, must, run } from './command.ts';
import { GUARD_MS } from '../support/wait.ts';

export interface Published {
  readonly id: string;
  readonly httpPort: number;
}

export interface ProjectOptions {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The compose command; `undefined` if there is none. */
export function composeCommand(): readonly [string, ...string[]] | undefined {
  if (has('docker', 'compose', 'version')) return ['docker', 'compose'];
  return has('docker-compose', 'version') ? ['docker-compose'] : undefined;
}

export class Project {
  readonly name: string;
  readonly #command: readonly [string, ...string[]];
  readonly #env: Readonly<Record<string, string>>;

  constructor(command: readonly [string, ...string[]], { name, env }: ProjectOptions) {
    this.name = name;
    this.#command = command;
    this.#env = env;
  }

  async up(services: readonly string[]): Promise<void> {
    await this.#compose(['up', '-d', '--no-build', ...services]);
  }

  /** Removes everything that it made; also after a partial start or an interrupt. */
  async down(): Promise<void> {
    const args = ['down', '-v', '--remove-orphans', '-t', '10'];
    await this.#compose(args, { timeoutMs: GUARD_MS, isCleanup: true });
  }

  async container(service: string): Promise<string> {
    return this.#compose(['ps', '-q', service]);
  }

  /** What remains of it: containers, networks and volumes by name. */
  async remains(): Promise<readonly string[]> {
    const filter = ['--filter', `label=com.docker.compose.project=${this.name}`];
    const lists = await Promise.all([
      docker('ps', '-a', ...filter, '--format', '{{.Names}}'),
      docker('network', 'ls', ...filter, '--format', '{{.Name}}'),
      docker('volume', 'ls', ...filter, '--format', '{{.Name}}'),
    ]);
    return lists.flatMap((list) => list.split('\n')).filter(Boolean);
  }

  #compose(args: readonly string[], how: { timeoutMs?: number; isCleanup?: boolean } = {}) {
    const [file, ...first] = this.#command;
    const env = { ...this.#env, COMPOSE_PROJECT_NAME: this.name };
    return must(file, [...first, ...args], { env, timeoutMs: GUARD_MS, ...how });
  }
}

export function docker(...args: string[]): Promise<string> {
  return must('docker', args);
}

/** True if it is present, or can be pulled. */
export async function canGetImage(image: string): Promise<boolean> {
  if ((await run('docker', ['image', 'inspect', image])).ok) return true;
  return (await run('docker', ['pull', '-q', image], { timeoutMs: 300_000 })).ok;
}
