// Emulated distance: the one-way delay of messages to each region, such as `us=40ms,ap=110ms`. It
// lets a cluster on one machine behave like one in several regions.

import { parseRegion, type Region } from '../model/id.ts';
import { splitList } from './address.ts';
import { accept, decline, duration, type Kind, type Parsed } from './kind.ts';

export interface Delay {
  readonly region: Region;
  readonly oneWayMs: number;
}

const FORM = 'region=duration, such as us=40ms,ap=110ms';
const oneWay = duration(0, 10_000);

export const delays: Kind<readonly Delay[]> = {
  placeholder: 'list',
  unit: '',
  bound: `a list of ${FORM}; each up to 10s`,
  schema: { anyOf: [{ type: 'string' }, { type: 'object', additionalProperties: oneWay.schema }] },
  parse(raw) {
    if (typeof raw === 'string') return collect(splitList(raw).map((part) => part.split('=')));
    const isObject = typeof raw === 'object' && raw !== null && !Array.isArray(raw);
    return isObject ? collect(Object.entries(raw)) : decline(`must be a list of ${FORM}`);
  },
  show: (list) =>
    Object.fromEntries(list.map(({ region, oneWayMs }) => [region, oneWay.show(oneWayMs)])),
};

function collect(pairs: readonly (readonly unknown[])[]): Parsed<readonly Delay[]> {
  const list: Delay[] = [];
  for (const [name, delay, ...rest] of pairs) {
    const region = typeof name === 'string' ? parseRegion(name.trim()) : undefined;
    const parsed = oneWay.parse(delay);
    if (region === undefined || !parsed.ok || rest.length > 0) {
      return decline(`must be a list of ${FORM}; each up to 10s`);
    }
    if (list.some((known) => known.region === region)) return decline(`names ${region} twice`);
    list.push({ region, oneWayMs: parsed.value });
  }
  return accept(list);
}
