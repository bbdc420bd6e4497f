// Distances between regions: one-way milliseconds, half of the usual round trips between data
// centres in Frankfurt, Virginia, Singapore, São Paulo, Cape Town and Sydney.

export const REGIONS: readonly string[] = ['eu', 'us', 'ap', 'sa', 'af', 'oc'];

const ONE_WAY_MS: { readonly [pair: string]: number } = {
  'eu us': 45,
  'ap eu': 80,
  'ap us': 110,
  'eu sa': 102,
  'sa us': 58,
  'ap sa': 165,
  'af eu': 77,
  'af us': 112,
  'af ap': 125,
  'af sa': 170,
  'eu oc': 125,
  'oc us': 100,
  'ap oc': 46,
  'oc sa': 155,
  'af oc': 200,
};

/** For regions whose names are not built in. */
const ELSEWHERE_MS = 60;

export function oneWayMs(from: string, to: string): number {
  if (from === to) return 0;
  return ONE_WAY_MS[[from, to].sort().join(' ')] ?? ELSEWHERE_MS;
}

/** The setting `wan` of a replica in `from`: `us=45ms,ap=80ms`. */
export function wanSetting(from: string, regions: readonly string[]): string {
  return regions
    .filter((to) => to !== from)
    .map((to) => `${to}=${oneWayMs(from, to)}ms`)
    .join(',');
}

/** Every pair once, for people. */
export function describeDistances(regions: readonly string[]): string {
  const pairs = regions.flatMap((from, at) =>
    regions.slice(at + 1).map((to) => `${from}–${to} ${oneWayMs(from, to)} ms`),
  );
  return pairs.join(', ');
}
