// `conit serve`: one replica in this process, from its configuration to its end.
//
// It stops in order on SIGTERM, SIGINT, SIGHUP (hang-up.ts), and when the channel to the process
// that started it closes. It ends at once, with exit code 70, on everything that only a bug or a
// failing machine can cause: a halt of the core, a failed assertion, an uncaught error. What is
// durable remains, and a restart is cheaper than a wrong answer.
//
// The end never depends on the part that failed (trap 77): within a second as much of the log as
// possible is written. If the stop does not finish, or the log cannot be written, a child process
// kills this one (last-resort.ts).

import { setFlagsFromString } from 'node:v8';
import closeWithGrace from 'close-with-grace';
import { DataError, type DataErrorCode, isDamage } from '../adapters/disk/data-error.ts';
import { descriptorLimit } from '../adapters/descriptor-limit.ts';
import { endWithin } from '../adapters/telemetry/last-resort.ts';
import { createLog, type Log } from '../adapters/telemetry/log.ts';
import { type Flags, type Loaded, loadConfig } from '../config/load.ts';
import { isLoopback } from '../model/address.ts';
import type { Config } from '../config/assemble.ts';
import { fitDescriptors } from '../config/descriptors.ts';
import { schemaOf, showValues, showYaml } from '../config/describe.ts';
import type { Problem } from '../config/resolve.ts';
import { TABLE } from '../config/table.ts';
import { type RunningReplica, type RunOptions, runReplica } from '../main.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';
import { heedsHangUp } from './hang-up.ts';
import { renderJson } from './render.ts';
import type { Terminal } from './terminal.ts';

export interface ServeOptions {
  readonly printConfig?: boolean;
  readonly printSchema?: boolean;
  readonly output: 'yaml' | 'json';
}

export async function serve(
  flags: Flags,
  { printConfig = false, printSchema = false, output }: ServeOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  if (printSchema) {
    terminal.out(renderJson(schemaOf(TABLE)));
    return EXIT.ok;
  }
  const loaded = loadConfig(flags);
  if (loaded.config === undefined) throw refusalOf(loaded.problems);
  if (!printConfig) {
    const { config, warnings } = fitDescriptors(loaded.config, descriptorLimit());
    return run(config, [...loaded.warnings, ...warnings]);
  }
  for (const { where, reason } of loaded.warnings) terminal.say(`warning: ${where} ${reason}\n`);
  terminal.out(showConfig(loaded, output));
  return EXIT.ok;
}

function refusalOf(problems: readonly Problem[]): CommandError {
  const lines = problems.map(({ where, reason }) => `  ${where} ${reason}`).join('\n');
  return new CommandError(EXIT.usage, `the configuration is refused:\n${lines}`);
}

function showConfig({ effective }: Loaded, output: 'yaml' | 'json'): string {
  return output === 'json' ? renderJson(showValues(TABLE, effective)) : showYaml(TABLE, effective);
}

/**
 * The share by which the heap may grow between collections. V8's default depends on the memory of
 * the machine and is several times larger, without any gain in speed.
 */
const HEAP_GROWTH_PERCENT = 50;

/** If the end takes longer, last-resort.ts kills the process. */
const END_SECONDS = 5;

/** Never returns: once started, the process ends itself. */
async function run(config: Config, warnings: readonly Problem[]): Promise<never> {
  process.umask(0o077);
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  const log = createLog({ level: config.logLevel, replica: config.settings.self });
  const exit: Exit = (code) => {
    endWithin(END_SECONDS);
    log.flush();
    process.exit(code);
  };
  const failStop = (event: string, reason: string): void => {
    log.note('error', event, { reason });
    exit(EXIT.halted);
  };
  const onBug = (error: unknown): void => failStop('failed', describeBug(error));
  process.on('uncaughtException', onBug);
  process.on('unhandledRejection', onBug);
  for (const { where, reason } of warnings) log.note('warn', 'configuration', { where, reason });
  if (process.getuid?.() === 0 && !isLoopback(config.http.host)) {
    log.note('warn', 'runs-as-root', {
      advice: 'run it as a user that owns the data directory and nothing else',
    });
  }
  const starting = begin({
    config,
    log,
    onHalt(reason, ending) {
      if (ending === 'restart') return failStop('halted', reason);
      log.note('error', ending, { reason });
      exit(ending === 'forgotten' ? EXIT.forgotten : EXIT.damaged);
    },
    onError: (error, instance) =>
      log.note('error', 'request-failed', { instance, reason: describeBug(error) }),
  });
  endOnSignal(config, log, starting, exit);
  await starting;
  return new Promise(() => undefined);
}

type Exit = (code: ExitCode) => never;

/** Settings that cannot be used are reported to the user; a bug is thrown. */
async function begin(options: RunOptions): Promise<RunningReplica> {
  try {
    return await runReplica(options);
  } catch (error) {
    endWithin(END_SECONDS);
    options.log.flush();
    if (error instanceof DataError) throw new CommandError(exitOf(error), error.message);
    if (!isSystemError(error)) throw error;
    throw new CommandError(EXIT.unavailable, `the replica cannot start: ${error.message}`);
  }
}

const USAGE: readonly DataErrorCode[] = ['other-cluster', 'other-replica', 'unfit', 'exposed'];

function exitOf(error: DataError): ExitCode {
  const { code } = error;
  if (code === 'forgotten') return EXIT.forgotten;
  if (isDamage(error)) return EXIT.damaged;
  return USAGE.includes(code) ? EXIT.usage : EXIT.unavailable;
}

/** An error of the machine, such as an address in use or a disk that cannot be written. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error;
}

/**
 * Only signals: errors have handlers of their own, and after a crash signal no JavaScript may run.
 */
const NOT_ORDERLY: closeWithGrace.AllEvents[] = [
  'uncaughtException',
  'unhandledRejection',
  'beforeExit',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGSEGV',
];

/** Installed before the start, so that a replica can be stopped while it starts. */
function endOnSignal(
  { shutdownMs }: Config,
  log: Log,
  starting: Promise<RunningReplica>,
  exit: Exit,
): void {
  const giveUp = (event: string) => () => {
    log.note('warn', event, {});
    exit(EXIT.interrupted);
  };
  const heeds = heedsHangUp();
  if (!heeds) process.on('SIGHUP', () => log.note('info', 'hang-up-ignored', {}));
  const closing = closeWithGrace(
    {
      delay: shutdownMs,
      logger: false,
      skip: heeds ? NOT_ORDERLY : [...NOT_ORDERLY, 'SIGHUP'],
      onSecondSignal: giveUp('stop-interrupted'),
      onTimeout: giveUp('stop-timed-out'),
    },
    async ({ signal = 'the parent process is gone' }) => {
      log.note('info', 'stopping', { reason: signal });
      await stop(starting);
      log.note('info', 'stopped', {});
      if (!(await log.drain())) exit(EXIT.ok);
      process.exit(EXIT.ok);
    },
  );
  process.once('disconnect', () => closing.close());
  process.channel?.unref();
}

async function stop(starting: Promise<RunningReplica>): Promise<void> {
  const replica = await starting;
  await replica.stop();
}

function describeBug(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
