// "Against the limit": the cost of Conit compared with what the machine, Node and its own parts
// allow. The rows of systems come from the same rounds as the workloads and from rounds of variants
// of Conit; the rows of single parts are measured in this process when no server runs.

import type { Variant } from './systems/conit.ts';
import { entriesPerFrame, entriesPerSync } from './systems/conit.ts';
import { measureCodec } from './micro/codec.ts';
import { measurePeerLink } from './micro/peer-link.ts';
import { measureStorage } from './micro/storage.ts';
import { type Measure, ratioOf, type Spread, spreadOf, valueOf } from './report/ratio.ts';
import type { Slot } from './slot.ts';
import { helloName } from './workloads.ts';

export interface Limit {
  readonly title: string;
  readonly must: number;
  readonly goal: number | undefined;
  /** True if the value must stay below the figures. */
  readonly isCeiling: boolean;
  readonly measured: Spread | undefined;
  readonly note: string;
}

/** Variants of Conit, and the workload in which each is compared with the default. */
export const variantWorkloads: Readonly<Record<Exclude<Variant, 'conit'>, string>> = {
  'conit-unsynced': 'put',
  'conit-unmetered': 'get',
};

const cpu: Measure = ({ cpuMicrosPerOp }) => cpuMicrosPerOp;
const throughput: Measure = ({ opsPerSecond }) => opsPerSecond;

/** Rows from the rounds against the peers. */
export function limitsOfRounds(slots: readonly Slot[]): readonly Limit[] {
  const [get, put] = [ours('get'), ours('put')];
  const helloGet = { system: helloName, workload: 'get' };
  const helloPut = { system: helloName, workload: 'put' };
  const [local, quorum] = [ours('read95'), ours('quorum95')];
  return [
    atMost('CPU per R=1 get / per hello GET', 1.8, 1.2, ratioOf(slots, get, helloGet, cpu)),
    atMost('CPU per W=2 put / per hello PUT', 5, 3.3, ratioOf(slots, put, helloPut, cpu)),
    atLeast('95/5: R=2 / R=1 throughput', 0.8, 0.9, ratioOf(slots, quorum, local, throughput)),
    atLeast('entries per fsync, puts', 15, undefined, valueOf(slots, put, mean(entriesPerSync))),
    atLeast('entries per frame, puts', 5, undefined, valueOf(slots, put, mean(entriesPerFrame))),
  ];
}

/** Rows from the rounds of Conit's variants. */
export function limitsOfVariants(slots: readonly Slot[]): readonly Limit[] {
  const against = (variant: Exclude<Variant, 'conit'>) => {
    const workload = variantWorkloads[variant];
    return ratioOf(slots, ours(workload), { system: variant, workload }, throughput);
  };
  return [
    atLeast('put, durable / not durable', 0.75, 0.9, against('conit-unsynced')),
    atLeast('get, metrics on / off', 0.92, 0.97, against('conit-unmetered')),
  ];
}

/** Rows of single parts. */
export async function limitsOfParts(folder: string, seconds: number): Promise<readonly Limit[]> {
  const storage = await measureStorage(folder, seconds);
  const codec = measureCodec();
  const [small, large] = [await measurePeerLink(8), await measurePeerLink(32)];
  const bare = spreadOf(storage.bare)?.median ?? 0;
  const note = `bare loop: ${Math.round(bare).toLocaleString('en')} puts/s`;
  const ratio = spreadOf(storage.ratios);
  const title = 'storage module / bare chained batch, 64 writers';
  return [
    { ...atLeast(title, 0.8, undefined, ratio), note },
    atMost('codec, encode + decode, µs', 0.7, undefined, spreadOf(codec)),
    ...[
      { entries: 8, rates: small },
      { entries: 32, rates: large },
    ].map(({ entries, rates: { link, bare: ws } }) => ({
      ...atLeast(
        `peer link / bare ws and decoding, ${entries} a frame`,
        0.8,
        undefined,
        quotients(link, ws),
      ),
      note: `${(spreadOf(link)?.median ?? 0).toFixed(2)} million entries per CPU second`,
    })),
  ];
}

function quotients(above: readonly number[], below: readonly number[]): Spread | undefined {
  return spreadOf(above.map((rate, turn) => rate / (below[turn] ?? Number.NaN)));
}

function ours(workload: string): { system: Variant; workload: string } {
  return { system: 'conit', workload };
}

/** The mean of a histogram of the server, over the slot. */
function mean(histogram: string): Measure {
  return ({ counted }) => {
    return (counted[`${histogram}_sum`] ?? Number.NaN) / (counted[`${histogram}_count`] ?? 0);
  };
}

function atMost(
  title: string,
  must: number,
  goal: number | undefined,
  measured: Spread | undefined,
): Limit {
  return { title, must, goal, isCeiling: true, measured, note: '' };
}

function atLeast(
  title: string,
  must: number,
  goal: number | undefined,
  measured: Spread | undefined,
): Limit {
  return { title, must, goal, isCeiling: false, measured, note: '' };
}
