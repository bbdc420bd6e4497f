// Connections between replicas that are slow and narrow for a while: one connection, or all of a
// replica.

import type { TestReplica } from '../../support/processes.ts';
import type { Link } from '../links.ts';
import { between, last, type Nemesis, note, type Scene } from './nemesis.ts';

const WAYS = ['up', 'down'] as const;
const LASTS_MS: readonly [number, number] = [500, 3000];
const DELAY_MS: readonly [number, number] = [20, 400];
/** 8 to 64 kB a second: less than the load produces. */
const BYTES_PER_MS: readonly [number, number] = [8, 64];

export function slow(scene: Scene): Nemesis {
  const { links, prng, replicas } = scene;
  return {
    async strike() {
      const { id } = replicas[prng.below(replicas.length)] as TestReplica;
      const touching = links.of(id);
      const those = prng.chance(0.5) ? touching : touching.slice(prng.below(touching.length));
      await slowDown(scene, those);
      await last(scene, between(prng, 100, 500));
    },
    async heal() {
      for (const { proxy } of links.all) for (const way of WAYS) proxy.slow(way, undefined);
    },
    demand: { slow: 2 },
  };
}

async function slowDown(scene: Scene, those: readonly Link[]): Promise<void> {
  const { prng } = scene;
  const delayMs = between(prng, ...DELAY_MS);
  const bytesPerMs = between(prng, ...BYTES_PER_MS);
  const before = those.map(({ proxy }) => proxy.slowedBytes);
  for (const { proxy } of those) for (const way of WAYS) proxy.slow(way, { delayMs, bytesPerMs });
  await last(scene, between(prng, ...LASTS_MS));
  for (const { proxy } of those) for (const way of WAYS) proxy.slow(way, undefined);
  those.forEach(({ dialer, listener, proxy }, at) => {
    const slowed = proxy.slowedBytes - (before[at] ?? 0);
    const evidence = `${slowed} bytes took ${delayMs} ms and ${bytesPerMs} bytes/ms`;
    note(scene, 'slow', `${dialer}>${listener}`, evidence, slowed > 0);
  });
}
