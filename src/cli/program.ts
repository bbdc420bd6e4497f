// The commands, their arguments and their help. This file parses a command; another one implements
// it, and its result is the exit code. The modules of a command are loaded when it runs, so small
// commands start fast.

import { Command, CommanderError, Option } from 'commander';
import { clientDefaults } from '../config/load.ts';
import { markdownOf } from '../config/describe.ts';
import { TABLE } from '../config/table.ts';
import { packageVersion } from '../config/version.ts';
import { type Client, createClient } from './client.ts';
import type { ClusterOptions } from './cluster/run.ts';
import { deleteRange, namesRange, type RangeFlags } from './delete-range.ts';
import type { RecoverOptions } from './recover.ts';
import { CommandError, EXIT, EXIT_HELP, type ExitCode } from './exit.ts';
import { del, get, type GetOptions, put, type PutOptions, type WriteOptions } from './keys.ts';
import { list, type ListOptions } from './list.ts';
import { drain, forget, type ForgetOptions, join, type JoinOptions } from './members.ts';
import { resync, type ResyncOptions } from './resync.ts';
import type { ServeOptions } from './serve.ts';
import { addSettingFlags, settingFlags } from './settings-flags.ts';
import { status } from './status.ts';
import type { Terminal } from './terminal.ts';
import { where } from './where.ts';

type Output = 'table' | 'json';

/** Runs the command; never throws for a mistake of the user. */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let exit: ExitCode = EXIT.ok;
  const program = buildProgram(terminal, (code) => (exit = code));
  try {
    await program.parseAsync(args, { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof CommandError)) throw error;
    terminal.say(`conit: ${error.message}\n`);
    return error.exit;
  }
}

type Finish = (exit: ExitCode) => void;

function buildProgram(terminal: Terminal, finish: Finish): Command {
  const program = new Command('conit')
    .description('A multi-region key-value store; each namespace chooses its consistency.')
    .version(packageVersion(), '-V, --version')
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.say })
    .showHelpAfterError('Try the command with --help.')
    .addHelpText('after', `${PROGRAM_EXAMPLES}\n\n${EXIT_HELP}`);
  program.commandsGroup('Run a cluster:');
  addServe(program, terminal, finish);
  addCluster(program, terminal, finish);
  program.commandsGroup('Use it:');
  addGet(program, terminal, finish);
  addPut(program, terminal, finish);
  addDelete(program, terminal, finish);
  addList(program, terminal, finish);
  program.commandsGroup('Look into it:');
  addStatus(program, terminal, finish);
  addResync(program, terminal, finish);
  addWhere(program, terminal, finish);
  addWal(program, terminal, finish);
  program.commandsGroup('Change it:');
  addJoin(program, terminal, finish);
  addForget(program, terminal, finish);
  addDrain(program, terminal, finish, 'drain');
  addDrain(program, terminal, finish, 'resume');
  addRecover(program, terminal, finish);
  addConfigTable(program, terminal);
  return program;
}

const PROGRAM_EXAMPLES = `
Examples:
  $ conit cluster                          three regions on this machine
  $ conit put demo hello 'Hello, world'    write
  $ conit get demo hello                   read
  $ conit status                           all replicas, and how far behind each can be`;

function addServe(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('serve')
    .description('Run one replica in the foreground.')
    .option('--print-config', 'show the effective configuration, secrets masked, and end')
    .option('--print-schema', 'show the JSON schema of a configuration file, and end')
    .addOption(outputOption(['yaml', 'json'], 'form of --print-config'));
  addSettingFlags(command);
  command
    .addHelpText('after', SERVE_EXAMPLES)
    .action(async (options: ServeOptions & { readonly [flag: string]: unknown }) => {
      const { serve } = await import('./serve.ts');
      finish(await serve(settingFlags(options), options, terminal));
    });
}

const SERVE_EXAMPLES = `
A flag overrides a variable, a variable the file, and the file the default. The secret
of the cluster comes from CONIT_CLUSTER_SECRET or CONIT_CLUSTER_SECRET_FILE, never from an argument.

Examples:
  $ openssl rand -hex 32 > secret && chmod 600 secret
  $ export CONIT_CLUSTER_SECRET_FILE=secret
  $ conit serve --replica eu-1 --region eu
  $ conit serve --config eu-1.yaml --print-config

${EXIT_HELP}`;

function addCluster(program: Command, terminal: Terminal, finish: Finish): void {
  program
    .command('cluster')
    .description('Run a whole cluster on this machine, one process per region.')
    .option('--regions <list>', 'how many regions, or their names, such as eu,us,ap', '3')
    .option('--data <dir>', 'directory of the data, kept between runs', './conit-data')
    .option('--http-port <port>', 'port of the first replica; the others follow in tens', '7070')
    .option('--wan', 'emulate the distance between the regions')
    .option('--restart', 'restart a replica that has exited')
    .option('--config <file>', 'settings for all replicas, as for serve: namespaces and others')
    .addHelpText('after', CLUSTER_EXAMPLES)
    .action(async (options: ClusterFlags) => {
      const { runCluster } = await import('./cluster/run.ts');
      finish(await runCluster(clusterOptions(options), terminal));
    });
}

interface ClusterFlags {
  readonly regions: string;
  readonly data: string;
  readonly httpPort: string;
  readonly wan?: boolean;
  readonly restart?: boolean;
  readonly config?: string;
}

function clusterOptions(flags: ClusterFlags): ClusterOptions {
  if (!/^[0-9]{1,5}$/.test(flags.httpPort)) {
    throw new CommandError(EXIT.usage, `--http-port: "${flags.httpPort}" is not a port`);
  }
  return {
    regions: flags.regions,
    dataDir: flags.data,
    httpPort: Number(flags.httpPort),
    wan: flags.wan ?? false,
    restart: flags.restart ?? false,
    config: flags.config,
  };
}

const CLUSTER_EXAMPLES = `
Ctrl-C stops all replicas in order, a second one at once. The logs of the replicas are in DATA/logs;
warnings are shown here too. Variables that the cluster does not set itself, such as
CONIT_LOG_LEVEL, apply to every replica.

Examples:
  $ conit cluster
  $ conit cluster --wan --restart
  $ conit cluster --regions eu,us --http-port 8070 --data /tmp/two`;

function addGet(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('get')
    .description('Write the value of a key to standard output, byte for byte.')
    .argument('<namespace>')
    .argument('<key>')
    .option('-r, --r <quorum>', 'replicas to ask: a number, majority, all, local or each')
    .option('--timeout <duration>', 'how long to wait for them, such as 500ms or 2s')
    .option('-v, --verbose', 'show version, replica and staleness on standard error')
    .addOption(outputOption(['raw', 'json']));
  addDataOptions(command);
  command
    .addHelpText('after', GET_EXAMPLES)
    .action(async (ns: string, key: string, options: GetOptions & ClientFlags) =>
      finish(await get(clientOf(options), terminal, [ns, key], options)),
    );
}

const GET_EXAMPLES = `
Examples:
  $ conit get demo hello
  $ conit get demo photo.jpg > photo.jpg
  $ conit get profiles alice -r majority -o json
  $ conit get profiles alice --session mine    # shows what a put with --session mine wrote`;

function addPut(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('put')
    .description('Write a value.')
    .argument('<namespace>')
    .argument('<key>')
    .argument('<value>', 'the value, @file, or - for standard input')
    .option('--ttl <duration>', 'delete the value after this time, such as 10m or 24h')
    .option('-t, --content-type <type>', 'content type that readers get; text or bytes by default')
    .option('--create', 'only if the key holds no value');
  addWriteOptions(command);
  command
    .addHelpText('after', PUT_EXAMPLES)
    .action(async (ns: string, key: string, value: string, options: PutOptions & ClientFlags) =>
      finish(await put(clientOf(options), terminal, [ns, key, value], options)),
    );
}

const PUT_EXAMPLES = `
Examples:
  $ conit put demo hello 'Hello, world' -w majority
  $ conit put demo photo.jpg @photo.jpg -t image/jpeg
  $ date | conit put demo now - --ttl 10m
  $ conit put demo temperature -- -5`;

function addDelete(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('del')
    .description(
      'Delete a key, even if this replica has no value of it yet; or the keys of a range.',
    )
    .argument('<namespace>')
    .argument('[key]')
    .option('--prefix <text>', 'all keys that begin with this text')
    .option('--start <key>', 'all keys from this one on')
    .option('--end <key>', 'all keys before this one')
    .option('--all', 'all keys of the namespace');
  addWriteOptions(command);
  command
    .addHelpText('after', DELETE_EXAMPLES)
    .action(async (ns: string, key: string | undefined, options: DeleteFlags) => {
      if ((key === undefined) !== namesRange(options))
        throw new CommandError(EXIT.usage, 'del takes a key, or a range: --prefix, --start, --end');
      const client = clientOf(options);
      if (key === undefined) finish(await deleteRange(client, terminal, ns, options));
      else finish(await del(client, terminal, [ns, key], options));
    });
}

type DeleteFlags = WriteOptions & RangeFlags & ClientFlags;

const DELETE_EXAMPLES = `
A range is read and deleted page by page. A key that was written after its page was read keeps its
value.

Examples:
  $ conit del demo hello -w majority
  $ conit del demo hello --if-match '*' -r majority    # fails when there is nothing to delete
  $ conit del demo --prefix cart/ -w majority
  $ conit del demo --all`;

function addList(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('ls')
    .description('List keys in byte order.')
    .argument('<namespace>')
    .argument('[prefix]', 'only keys that begin with this text', '')
    .option('--start <key>', 'from this key on')
    .option('--end <key>', 'up to this key, not included')
    .option('--delimiter <text>', 'group keys up to this text; / groups them like directories')
    .option('--reverse', 'from the last key to the first')
    .option('-n, --limit <count>', 'at most this number of keys, or all', '1000')
    .option('-r, --r <quorum>', 'replicas to compare: a number, majority, all, local or each')
    .addOption(outputOption(['table', 'json', 'keys']));
  addDataOptions(command);
  command
    .addHelpText('after', LIST_EXAMPLES)
    .action(async (ns: string, prefix: string, options: ListOptions & ClientFlags) =>
      finish(await list(clientOf(options), terminal, [ns, prefix], options)),
    );
}

const LIST_EXAMPLES = `
Examples:
  $ conit ls demo
  $ conit ls catalog books/ --delimiter /
  $ conit ls demo -n all -o keys | wc -l`;

function addStatus(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('status')
    .description('Show every replica: its state, how far behind it can be, and the round trip.')
    .addOption(outputOption(['table', 'json']));
  addClientOptions(command);
  command.action(async ({ output, ...options }: { output: Output } & ClientFlags) =>
    finish(await status(clientOf(options), terminal, output)),
  );
}

function addResync(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('resync')
    .description('Show how far a replica has caught up: missing entries, progress of a snapshot.')
    .option('-w, --watch', 'follow it until it has caught up: a bar on a terminal, lines elsewhere')
    .option('--now', 'let it compare with every peer now, and follow it')
    .addOption(outputOption(['table', 'json']));
  addClientOptions(command);
  command
    .addHelpText('after', RESYNC_EXAMPLES)
    .action(async (options: ResyncOptions & ClientFlags) =>
      finish(await resync(clientOf(options), terminal, options)),
    );
}

const RESYNC_EXAMPLES = `
Examples:
  $ conit resync
  $ conit resync --watch --url http://127.0.0.1:7090
  $ conit resync --now
  $ conit resync --watch -o json | tail -n 1`;

function addWhere(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('where')
    .description('Show what every replica holds under a key, side by side.')
    .argument('<namespace>')
    .argument('<key>')
    .addOption(outputOption(['table', 'json']));
  addClientOptions(command);
  command.action(async (ns: string, key: string, options: { output: Output } & ClientFlags) =>
    finish(await where(clientOf(options), terminal, [ns, key], options.output)),
  );
}

function addWal(program: Command, terminal: Terminal, finish: Finish): void {
  const wal = program.command('wal').description('Look into the data of a stopped replica.');
  wal
    .command('verify')
    .description('Read everything that a stopped replica has stored and check it; change nothing.')
    .requiredOption('--data <dir>', 'data directory of the replica, such as ./conit-data/eu-1')
    .addOption(outputOption(['table', 'json']))
    .action(async ({ data, output }: { readonly data: string; readonly output: Output }) => {
      const { verifyData } = await import('./wal.ts');
      finish(await verifyData(data, output, terminal));
    });
}

function addRecover(program: Command, terminal: Terminal, finish: Finish): void {
  program
    .command('recover')
    .description('Continue from one stopped replica after a majority is lost for good. Loses data.')
    .requiredOption('--data <dir>', 'data directory of the replica that has a complete copy')
    .requiredOption('--give-up <ids...>', 'members that are gone for good')
    .option('--lost <ids...>', 'members that stay, but have lost their data', [])
    .option(
      '--accept-data-loss',
      'do it; without this option the command only shows what may be lost',
      false,
    )
    .action(async (options: RecoverOptions) => {
      const { recover } = await import('./recover.ts');
      finish(await recover(options, terminal));
    });
}

function addJoin(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('join')
    .description('Add a replica to the cluster, or give a member a new address.')
    .argument('<replica>')
    .argument('<region>')
    .argument('<peer>', 'host:port of its peer channel')
    .option('--http <url>', 'base URL of its HTTP API, for clients')
    .option('--no-wait', 'do not wait until it has caught up')
    .option('--timeout <duration>', 'how long to wait for the replica and for a majority', '10s')
    .addOption(outputOption(['table', 'json']));
  addClientOptions(command);
  command
    .addHelpText('after', JOIN_EXAMPLES)
    .action(async (id: string, region: string, peer: string, options: JoinOptions & ClientFlags) =>
      finish(await join(clientOf(options), terminal, [id, region, peer], options)),
    );
}

const JOIN_EXAMPLES = `
Start the new replica first, with \`conit serve\`, an empty directory, and CONIT_PEERS that names itself and
at least one member. The members agree once it answers at its peer address and proves that it has the secret. It
answers no clients before it holds everything that the others hold.

Examples:
  $ conit join sa-1 sa 10.0.3.7:7071 --http http://10.0.3.7:7070 --url http://10.0.1.7:7070`;

function addForget(program: Command, terminal: Terminal, finish: Finish): void {
  const command = program
    .command('forget')
    .description('Remove a lost replica from the cluster for good.')
    .argument('<replica>')
    .option('--force', 'even if the replica is connected')
    .option('--timeout <duration>', 'how long to wait for a majority', '10s')
    .addOption(outputOption(['table', 'json']));
  addClientOptions(command);
  command
    .addHelpText('after', FORGET_EXAMPLES)
    .action(async (id: string, options: ForgetOptions & ClientFlags) =>
      finish(await forget(clientOf(options), terminal, id, options)),
    );
}

const FORGET_EXAMPLES = `
The others stop waiting for it, and its directory never serves again. Data that only it held is lost. It can
join again under the same name with an empty directory.

Examples:
  $ conit forget us-1`;

function addDrain(
  program: Command,
  terminal: Terminal,
  finish: Finish,
  verb: 'drain' | 'resume',
): void {
  const about =
    verb === 'drain'
      ? 'Let a replica refuse clients until it is resumed; it goes on replicating.'
      : 'Let a replica answer clients again.';
  const command = program
    .command(verb)
    .description(about)
    .argument('[replica]', 'id of the replica at --url, which is checked');
  if (verb === 'drain')
    command.option('--grace <time>', 'keep answering clients for this time, such as 5s');
  addClientOptions(command);
  command.action(
    async (id: string | undefined, options: ClientFlags & { readonly grace?: string }) =>
      finish(await drain(clientOf(options), terminal, id, verb, options.grace)),
  );
}

/** For the table in docs/configuration.md; a test compares the two. */
function addConfigTable(program: Command, terminal: Terminal): void {
  program
    .command('config-table', { hidden: true })
    .description('Write the table of settings as Markdown.')
    .action(() => terminal.out(markdownOf(TABLE)));
}

interface ClientFlags {
  readonly url: string;
  readonly tokenFile?: string;
  readonly session?: string;
}

function addClientOptions(command: Command): void {
  const { url, tokenFile } = clientDefaults();
  command
    .option('-u, --url <url>', 'HTTP API of a replica (CONIT_URL)', url)
    .option('--token-file <file>', 'file of the access token (CONIT_TOKEN_FILE)', tokenFile);
}

/** For the commands that read and write keys. */
function addDataOptions(command: Command): void {
  addClientOptions(command);
  command.option(
    '--session <file>',
    'continue the session in this file: see your own writes at every replica',
  );
}

function addWriteOptions(command: Command): void {
  command
    .option('-w, --w <quorum>', 'copies to wait for: a number, majority, all, local or each')
    .option(
      '-r, --r <quorum>',
      'replicas to ask what the key holds, before the condition is checked',
    )
    .option('--timeout <duration>', 'how long to wait for them, such as 500ms or 2s')
    .option('--if-match <version>', 'only if the key holds this version')
    .option('--idempotency-key <text>', 'requests with the same key take effect once')
    .addOption(outputOption(['table', 'json']));
  addDataOptions(command);
}

function outputOption(forms: readonly [string, ...string[]], about = 'form of the output'): Option {
  return new Option('-o, --output <form>', about).choices(forms).default(forms[0]);
}

function clientOf({ url, tokenFile, session }: ClientFlags): Client {
  return createClient({ url, tokenFile, sessionFile: session });
}
