// Clients, peers and the database share the file descriptors of one process. LevelDB fails for good
// when it cannot open a file, and the replica stops with it. So clients get only what the others
// leave: the limit on their connections is lowered if the limit of the process requires it.

import type { Config } from './assemble.ts';
import type { Problem } from './resolve.ts';
import { spoken } from './table.ts';

/**
 * The runtime, standard output, the listeners, the identity, and a connection accepted only to
 * close it.
 */
const RUNTIME = 40;
/** `maxOpenFiles` of LevelDB, its log, its lists of files, and what a compaction writes. */
const DATABASE = 110;
/** While a peer connects again, both its old and its new connection are open. */
const EACH_PEER = 2;
/** Connections at the peer port that have not proved themselves. */
const STRANGERS_MAX = 512;
const STRANGERS_MIN = 8;
const CLIENTS_MIN = 8;

export interface Fitted {
  readonly config: Config;
  readonly warnings: readonly Problem[];
}

/** `limit` is that of the process; `undefined` if there is none. */
export function fitDescriptors(config: Config, limit: number | undefined): Fitted {
  if (limit === undefined) return { config, warnings: [] };
  const own = RUNTIME + DATABASE + EACH_PEER * (config.settings.members.length - 1);
  const strangersMax = between(STRANGERS_MIN, Math.floor((limit - own) / 4), STRANGERS_MAX);
  const left = Math.max(limit - own - strangersMax, CLIENTS_MIN);
  const asked = config.limits.connectionsMax;
  if (left >= asked) return { config: { ...config, strangersMax }, warnings: [] };
  const limits = Object.freeze({ ...config.limits, connectionsMax: left });
  return {
    config: Object.freeze({ ...config, limits, strangersMax }),
    warnings: [{ where: spoken('connections'), reason: reasonOf(limit, asked, left) }],
  };
}

function reasonOf(limit: number, asked: number, left: number): string {
  const lowered = `is lowered from ${asked} to ${left}`;
  const why = `the process may open ${limit} files and sockets, and the rest is for the database and the peers`;
  return `${lowered}: ${why}; raise the limit (ulimit -n, LimitNOFILE=) to serve more clients`;
}

function between(least: number, value: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
