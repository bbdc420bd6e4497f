// The reads at the end of a run: every replica lists everything that it holds, and answers for some
// keys one by one.

import type { Prng } from '../../../src/base/prng.ts';
import type { Recorder } from '../../checkers/recorder.ts';
import { LoadClient, type NamespaceUse, type Place } from './client.ts';

const PAGE_ITEMS = 1000;

export async function readFinal(
  places: readonly Place[],
  uses: readonly NamespaceUse[],
  recorder: Recorder,
  prng: Prng,
  gets: number,
): Promise<void> {
  for (const place of places) {
    const client = new LoadClient(`final-${place.id}`, recorder);
    for (const use of uses) await listAll(client, place, use);
    await getSome(client, place, recorder, prng, gets);
    client.disconnect();
  }
}

async function listAll(client: LoadClient, place: Place, use: NamespaceUse): Promise<void> {
  let cursor: string | undefined;
  let after = '';
  do {
    await reach(client, place);
    const page = { ...use, prefix: '', limit: PAGE_ITEMS, reverse: false, after };
    const read = await client.scan(cursor === undefined ? page : { ...page, cursor }, true);
    if (read.scan.ok !== true) {
      throw new Error(`${place.id} does not list ${use.ns}: ${read.scan.reason}`);
    }
    after = read.scan.result.at(-1)?.key ?? after;
    cursor = read.cursor;
  } while (cursor !== '');
}

async function getSome(
  client: LoadClient,
  place: Place,
  { operations }: Recorder,
  prng: Prng,
  gets: number,
): Promise<void> {
  const puts = operations.filter(({ type }) => type === 'put');
  for (let count = 0; count < gets; count++) {
    const put = puts[prng.below(puts.length)];
    if (put === undefined) return;
    await reach(client, place);
    await client.read({ ns: put.ns, level: put.level }, put.key, prng.chance(0.8) ? 1 : 3, true);
  }
}

async function reach(client: LoadClient, place: Place): Promise<void> {
  if (!(await client.connect(place))) throw new Error(`${place.id} cannot be reached`);
}
