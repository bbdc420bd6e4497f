// Every setting of a replica, one row each. The variables, the flags, the help, the schema of the
// file, the printed configuration, the table in docs/configuration.md, and where each number goes
// follow from these rows alone.

import { parseRegion, parseReplicaId } from '../model/id.ts';
import { address, clientUrl, places } from './address.ts';
import { delays } from './delays.ts';
import { choice, count, duration, named, path, size } from './kind.ts';
import { NAMESPACES_DEFAULT, namespaces } from './namespaces.ts';
import {
  coreSetting,
  flagOf,
  optional,
  setting,
  type Table,
  type ValuesOf,
  variableOf,
  webSetting,
} from './option.ts';
import { secret } from './secret.ts';
import { hostNames, webOrigins } from './web.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const SECOND = 1000;
const HOUR = 3600 * SECOND;

const NAME_BOUND = 'a-z, 0-9 and -, beginning with a letter, up to 63';
const NAME_PATTERN = '^[a-z][a-z0-9-]{0,62}$';

export const TABLE = {
  config: optional('Identity', path, 'no file is read', 'configuration file, JSON or YAML', {
    inFile: false,
  }),
  replica: optional(
    'Identity',
    named('name', NAME_BOUND, parseReplicaId, NAME_PATTERN),
    'refused',
    'id of this replica, unique in the cluster',
  ),
  region: optional(
    'Identity',
    named('name', NAME_BOUND, parseRegion, NAME_PATTERN),
    'the region that `peers` gives this replica',
    'region of this replica',
  ),
  clusterId: setting(
    'Identity',
    named<string>('name', NAME_BOUND, parseReplicaId, NAME_PATTERN),
    'conit',
    'name of the cluster; replicas of another one are refused',
  ),

  peers: optional(
    'Network',
    places,
    'a cluster of this replica alone',
    'all replicas of the cluster, this one included; the same list for each of them',
  ),
  http: setting('Network', address, { host: '127.0.0.1', port: 7070 }, 'address for clients'),
  peer: optional(
    'Network',
    address,
    'the address of this replica in `peers`, or 127.0.0.1:7071',
    'address for the other replicas',
  ),
  advertise: optional(
    'Network',
    clientUrl,
    'the URL of this replica in `peers`, or `http` if that is loopback',
    'URL of this replica for clients; other replicas redirect them to it',
  ),
  ops: optional(
    'Network',
    address,
    'served at `http`',
    'address for metrics and administration only; not built yet: a value is refused',
  ),
  wan: optional(
    'Network',
    delays,
    'no delay',
    'emulated one-way delay of all messages to a region',
  ),
  peerTimeout: coreSetting(
    'Network',
    duration(100, 10 * 60 * SECOND),
    'peerTimeoutMs',
    'a peer that sends nothing for this time counts as gone',
  ),
  heartbeat: coreSetting(
    'Network',
    duration(10, 60 * SECOND),
    'heartbeatMs',
    'how often a replica sends its vector to its peers and asks for an echo',
  ),

  clusterSecret: optional('Security', secret, 'refused', 'secret shared by all replicas', {
    flag: false,
    inFile: false,
    secret: true,
  }),
  clusterSecretFile: optional(
    'Security',
    path,
    'see `clusterSecret`',
    'file that holds the secret',
  ),
  secondSecretFile: optional(
    'Security',
    path,
    'no second secret',
    'file that holds another secret: session tokens made with it are accepted as well',
  ),
  tokensFile: optional(
    'Security',
    path,
    'no tokens: clients need none, and `http` must be a loopback address',
    'file of the access tokens of clients',
  ),
  peerPlaintext: setting(
    'Security',
    choice(['refuse', 'allow']),
    'refuse',
    'whether `peer` may be other than loopback; the channel is authenticated but not encrypted, ' +
      'so allow it inside a private network or a tunnel only',
  ),

  hosts: optional(
    'Security',
    hostNames,
    'its own names: loopback, `http`, `advertise`, its URL in `peers`; names without a dot; IP addresses, if `http` is not loopback',
    'further host names of this replica, such as that of a proxy; requests for any other host are answered 421',
  ),
  origins: optional(
    'Security',
    webOrigins,
    'none: pages of other web sites are answered 403',
    'origins of web pages that may use the API from a browser (CORS)',
  ),

  dataDir: optional('Storage', path, './conit-data/REPLICA', 'directory of the data', {
    flag: 'data',
  }),
  sync: setting(
    'Storage',
    choice(['full', 'unsafe-none']),
    'full',
    'unsafe-none does not wait for the disk: acknowledged writes are lost when the machine stops',
  ),
  commitStall: coreSetting(
    'Storage',
    duration(100, 10 * 60 * SECOND),
    'commitStallMs',
    'a commit that takes longer makes the replica unready',
  ),
  cache: coreSetting(
    'Storage',
    size(MIB, 64 * GIB),
    'cacheBytes',
    'memory for records; the oldest are dropped from memory',
  ),
  tail: coreSetting(
    'Storage',
    size(64 * KIB, 4 * GIB),
    'tailBytes',
    'memory for recent log entries; older ones are read from disk for peers',
  ),
  logRetain: coreSetting(
    'Storage',
    count(0, 1_000_000_000),
    'logRetainEntries',
    'log entries kept after every replica has them',
  ),
  checkpointBytes: coreSetting(
    'Storage',
    size(64 * KIB, 4 * GIB),
    'checkpointBytes',
    'size of the records that only memory and the logs have, at which a checkpoint begins; at four times as much, and at least 64MiB, writes are refused (`overloaded`)',
  ),
  checkpointEntries: coreSetting(
    'Storage',
    count(1, 10_000_000),
    'checkpointEntries',
    'log entries since the last checkpoint at which one begins; a start after a kill replays up to twice as many',
  ),
  checkpointEvery: coreSetting(
    'Storage',
    duration(10, HOUR),
    'checkpointMs',
    'time from the start of one checkpoint to that of the next, if no other limit is reached before',
  ),
  scrubDelay: coreSetting(
    'Storage',
    duration(SECOND, 30 * 24 * HOUR),
    'scrubDelayMs',
    'time from the start to the first scrub, which reads and checks everything stored',
  ),
  scrubEvery: coreSetting(
    'Storage',
    duration(10 * SECOND, 30 * 24 * HOUR),
    'scrubEveryMs',
    'time from one scrub to the next',
  ),
  copiesPerHour: coreSetting(
    'Storage',
    count(1, 1000),
    'copiesPerHour',
    'snapshots of peers that this replica may begin in an hour; beyond that it stays behind if it needs one',
  ),
  compareEvery: coreSetting(
    'Storage',
    duration(SECOND, 24 * HOUR),
    'compareEveryMs',
    'how often hash trees are compared with each peer, to find records that a disk lost without an error',
  ),

  namespaces: setting('Data', namespaces, NAMESPACES_DEFAULT, 'namespaces and their policies', {
    flag: false,
    inEnvironment: false,
  }),
  maxValue: webSetting(
    'Data',
    size(KIB, 16 * MIB),
    'valueBytesMax',
    'largest value; a larger one is answered 413',
  ),
  idempotency: coreSetting(
    'Data',
    duration(SECOND, 30 * 24 * HOUR),
    'idempotencyMs',
    'how long an idempotency key is remembered',
  ),
  clockDrift: coreSetting(
    'Data',
    duration(1, HOUR),
    'clockDriftMaxMs',
    'a replica whose clock is further than this from that of a majority refuses writes; entries that are stamped further ahead wait',
  ),

  connections: webSetting(
    'Tuning',
    count(1, 1_000_000),
    'connectionsMax',
    'connections of clients; further ones are closed at once; lowered at the start if the process may not open that many files',
  ),
  connectionsPerAddress: webSetting(
    'Tuning',
    count(1, 1_000_000),
    'connectionsPerAddressMax',
    'connections of clients from one address',
  ),
  replyMemory: webSetting(
    'Tuning',
    size(64 * MIB, 64 * GIB),
    'replyBytesMax',
    'memory for replies that clients have not read yet and for answers in preparation; beyond it the connection that has not moved for the longest time is closed',
  ),
  bodyMemory: webSetting(
    'Tuning',
    size(64 * MIB, 64 * GIB),
    'arrivingBytesMax',
    'memory for request bodies that are still arriving; beyond it the one that began first is answered 503',
  ),
  requestTimeout: webSetting(
    'Tuning',
    duration(100, HOUR),
    'requestTimeoutMs',
    'a request that has not arrived completely in this time is answered 408',
  ),
  keepAlive: webSetting(
    'Tuning',
    duration(100, HOUR),
    'keepAliveMs',
    'an idle connection is closed after this time; longer than the 60 s of most load balancers',
  ),
  logLevel: setting(
    'Tuning',
    choice(['debug', 'info', 'warn', 'error']),
    'info',
    'the least severe level that is logged',
  ),
  metrics: setting(
    'Tuning',
    choice(['on', 'off']),
    'on',
    'off: requests are not measured; all other metrics stay',
  ),
  fastPath: setting(
    'Tuning',
    choice(['on', 'off']),
    'on',
    "on: ordinary requests for keys are read without Node's HTTP server, which costs less; off: all are read by it; the answers are the same",
  ),
  shutdown: setting(
    'Tuning',
    duration(100, 10 * 60 * SECOND),
    10 * SECOND,
    'how long an orderly stop may take',
  ),
  shutdownNotice: setting(
    'Tuning',
    duration(0, 5 * 60 * SECOND),
    SECOND,
    'how long a stopping replica still answers, with 503 draining; at most a quarter of `shutdown`',
  ),
  bootGrace: coreSetting(
    'Tuning',
    duration(0, 60 * SECOND),
    'bootGraceMs',
    'how long a replica that starts and has heard a majority waits for the other members; without a majority it begins after `peerTimeout`',
  ),
  turnInputs: coreSetting(
    'Tuning',
    count(1, 65_536),
    'turnInputsMax',
    'commands and messages taken into one turn; the rest wait for the next',
  ),
  inbox: coreSetting(
    'Tuning',
    count(16, 1_000_000),
    'inboxMax',
    'inputs waiting for a turn; more are answered 503',
  ),
  writesPending: coreSetting(
    'Tuning',
    count(1, 1_000_000),
    'writesPendingMax',
    'writes waiting for copies; more are answered 503',
  ),
  readsPending: coreSetting(
    'Tuning',
    count(1, 1_000_000),
    'readsPendingMax',
    'reads waiting for peers; more are answered 503',
  ),
  listMemory: coreSetting(
    'Tuning',
    size(4 * MIB, 64 * GIB),
    'listsHeldBytesMax',
    'lists in preparation; beyond it, one ends early with its cursor, or with 503 if it asks replicas and has no item yet',
  ),
  window: coreSetting(
    'Tuning',
    size(64 * KIB, GIB),
    'windowBytes',
    'bytes of entries that a peer may send ahead of the acknowledgement',
  ),
  frame: coreSetting(
    'Tuning',
    size(4 * KIB, 16 * MIB),
    'frameBytes',
    'bytes of entries in one message',
  ),
} as const satisfies Table;

export type Values = ValuesOf<typeof TABLE>;
type Name = keyof typeof TABLE;

/** The name of a setting in messages: `CONIT_HTTP (--http)`. */
export function spoken(name: Name): string {
  const flag = flagOf(name, TABLE[name]);
  return flag === undefined ? variableOf(name) : `${variableOf(name)} (--${flag})`;
}
