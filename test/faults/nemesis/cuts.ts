// Connections between replicas that break: one direction is silent while the other works, both are
// (also for new connections), or the connection is reset. A fault concerns one connection, or all
// of a replica. After the heal, the bytes that were held back arrive, as TCP would send them again,
// unless the replicas have given the connection up.

import type { TestReplica } from '../../support/processes.ts';
import type { Direction } from '../../support/tcp-proxy.ts';
import type { Link } from '../links.ts';
import { between, dealer, last, type Nemesis, note, type Scene } from './nemesis.ts';

const CUT_MS: readonly [number, number] = [200, 2500];
const PAUSE_MS: readonly [number, number] = [100, 500];
const WAYS = ['up', 'down'] as const;

export function cuts(scene: Scene): Nemesis {
  const { links, prng } = scene;
  const next = dealer(['one-way', 'hole', 'reset'] as const, prng);
  return {
    async strike() {
      const kind = next();
      const from = scene.replicas[prng.below(scene.replicas.length)] as TestReplica;
      const touching = links.of(from.id);
      const those = prng.chance(0.5) ? touching : touching.slice(prng.below(touching.length));
      if (kind === 'reset') for (const link of those) reset(scene, link);
      else await cut(scene, kind, from.id, those);
      await last(scene, between(prng, ...PAUSE_MS));
    },
    async heal() {
      for (const { proxy } of links.all) for (const way of WAYS) proxy.resume(way);
    },
    demand: { 'one-way': 1, hole: 1, reset: 1 },
  };
}

/** In a one-way cut the replica still hears the others and is not heard by them. */
async function cut(
  scene: Scene,
  kind: 'one-way' | 'hole',
  from: string,
  those: readonly Link[],
): Promise<void> {
  const ways = those.flatMap((link) =>
    (kind === 'hole' ? WAYS : [outOf(from, link)]).map((way) => ({ link, way })),
  );
  for (const { link, way } of ways) link.proxy.stall(way);
  const ms = await last(scene, between(scene.prng, ...CUT_MS));
  for (const { link, way } of ways) {
    // Replicas always exchange messages; those that were sent wait here.
    const held = link.proxy.heldBytes(way);
    link.proxy.resume(way);
    note(scene, kind, nameOf(link), `${way} ${ms} ms, ${held} bytes held back`, held > 0);
  }
}

function reset(scene: Scene, link: Link): void {
  const broken = link.proxy.sever();
  note(scene, 'reset', nameOf(link), `${broken} connections`, broken > 0);
}

function outOf(id: string, { dialer }: Link): Direction {
  return dialer === id ? 'up' : 'down';
}

function nameOf({ dialer, listener }: Link): string {
  return `${dialer}>${listener}`;
}
