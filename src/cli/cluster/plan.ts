// The replicas that `conit cluster` will start: one per region, with ports, directory and settings.

import { join } from 'node:path';
import type { Environment } from '../../config/load.ts';
import { parseRegion } from '../../model/id.ts';
import { CommandError, EXIT } from '../exit.ts';
import { REGIONS, wanSetting } from './wan.ts';

/** How far apart the ports of two successive replicas are. */
const PORT_STEP = 10;
const REGIONS_MAX = 9;
export const SECRET_FILE = 'cluster-secret';

export interface ClusterRequest {
  readonly regions: string;
  readonly dataDir: string;
  readonly httpPort: number;
  readonly wan: boolean;
  readonly config: string | undefined;
}

export interface PlannedReplica {
  readonly id: string;
  readonly region: string;
  readonly httpPort: number;
  readonly peerPort: number;
  readonly url: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly environment: Environment;
}

export function planCluster(request: ClusterRequest): readonly PlannedReplica[] {
  const regions = parseRegions(request.regions);
  const places = regions.map((region, at) => placeOf(region, request.httpPort + at * PORT_STEP));
  const peers = places
    .map(({ id, region, peerPort, url }) => `${id}=${region}@127.0.0.1:${peerPort};http=${url}`)
    .join(',');
  return places.map((place) => {
    const dataDir = join(request.dataDir, place.id);
    return {
      ...place,
      dataDir,
      logFile: join(request.dataDir, 'logs', `${place.id}.log`),
      environment: {
        CONIT_REPLICA: place.id,
        CONIT_REGION: place.region,
        CONIT_CLUSTER_ID: 'local',
        CONIT_PEERS: peers,
        CONIT_HTTP: `127.0.0.1:${place.httpPort}`,
        CONIT_PEER: `127.0.0.1:${place.peerPort}`,
        CONIT_DATA_DIR: dataDir,
        CONIT_CLUSTER_SECRET_FILE: join(request.dataDir, SECRET_FILE),
        CONIT_CLUSTER_SECRET: undefined,
        CONIT_WAN: request.wan ? wanSetting(place.region, regions) : undefined,
        ...(request.config === undefined ? {} : { CONIT_CONFIG: request.config }),
      },
    };
  });
}

function placeOf(region: string, httpPort: number) {
  if (httpPort < 1 || httpPort + 1 > 65_535) {
    const why = 'each replica needs two ports from 1 to 65535';
    throw new CommandError(EXIT.usage, `--http-port: ${httpPort} cannot be used; ${why}`);
  }
  const url = `http://127.0.0.1:${httpPort}`;
  return { id: `${region}-1`, region, httpPort, peerPort: httpPort + 1, url };
}

/** `3` takes the first three built-in names; `eu,us,ap` are names. */
function parseRegions(text: string): readonly string[] {
  if (/^[0-9]+$/.test(text)) return namedRegions(Number(text));
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => parseRegion(name) === undefined);
  if (wrong !== undefined)
    throw new CommandError(EXIT.usage, `--regions: "${wrong}" is not a valid name`);
  if (new Set(names).size < names.length) {
    throw new CommandError(EXIT.usage, '--regions: a region is named twice');
  }
  if (names.length > REGIONS_MAX) {
    throw new CommandError(EXIT.usage, `--regions: at most ${REGIONS_MAX}`);
  }
  return names;
}

function namedRegions(count: number): readonly string[] {
  if (count >= 1 && count <= REGIONS.length) return REGIONS.slice(0, count);
  const names = `1 to ${REGIONS.length}, or names such as eu,us,ap`;
  throw new CommandError(EXIT.usage, `--regions: must be ${names}`);
}
