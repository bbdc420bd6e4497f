// The command line of the bench. An unknown word is refused, and every number has a bound.

import { parseArgs } from 'node:util';
import { numberIn, wordsIn } from '../support/program.ts';

import type { Distribution } from './client/keys.ts';
import { type PeerName, peerNames, type Workload, workloads } from './workloads.ts';

export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly connections: number;
  readonly keys: number;
  readonly distribution: Distribution;
  /** The clients of a system with several places: spread over all, or all at the first. */
  readonly entry: 'all' | 'one';
  readonly workloads: readonly Workload[];
  readonly limits: boolean;
  readonly peers: readonly PeerName[];
  readonly json: string | undefined;
}

export const usage = `npm run bench -- [options]
Measures three replicas beside other systems, and beside the limits of this machine. All are up at
once and take turns under the same clients; only ratios within a round count. With its defaults it
takes half an hour or more on a quiet machine. A system that is not installed is left out.

  --quick              2 rounds of 1.5 s: a look, not a measurement
  --rounds N           rounds, 1 to 100 (5)
  --seconds S          measured seconds of each workload and system in a round, 0.2 to 3600 (5)
  --only A,B           of the workloads below (all)
  --peers A,B          of ${peerNames.join(', ')}; "none" for none
  --connections N      closed-loop connections, 1 to 1024 (64)
  --large              1 000 000 keys instead of 10 000
  --zipfian            zipfian 0.99 instead of uniform
  --entry all|one      clients at all replicas, or all at the first one (all)
  --json FILE          writes all rounds there as JSON
  --help               this text

${workloads.map(({ id, title }) => `  ${id.padEnd(10)} ${title}`).join('\n')}
  limits     what takes the time of a put and a get; uses the rounds of put, get, read95, quorum95`;

/** `undefined` if help is requested. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      peers: { type: 'string' },
      connections: { type: 'string', default: '64' },
      large: { type: 'boolean', default: false },
      zipfian: { type: 'boolean', default: false },
      entry: { type: 'string', default: 'all' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const seconds = numberIn(values.seconds ?? (values.quick ? '1.5' : '5'), 'seconds', 0.2, 3600);
  const only = wordsIn(values.only, 'only', [...workloads.map(({ id }) => id), 'limits']);
  const peers = values.peers === 'none' ? [] : wordsIn(values.peers, 'peers', peerNames);
  const [entry = 'all'] = wordsIn(values.entry, 'entry', ['all', 'one'] as const);
  return {
    rounds: numberIn(values.rounds ?? (values.quick ? '2' : '5'), 'rounds', 1, 100),
    seconds,
    warmupSeconds: Math.min(1, seconds * 0.2),
    connections: numberIn(values.connections, 'connections', 1, 1024),
    keys: values.large ? 1_000_000 : 10_000,
    distribution: values.zipfian ? 'zipfian' : 'uniform',
    entry,
    workloads: workloads.filter(({ id }) => only.includes(id)),
    limits: only.includes('limits'),
    peers: peerNames.filter((name) => peers.includes(name)),
    json: values.json,
  };
}
