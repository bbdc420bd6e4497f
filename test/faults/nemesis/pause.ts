// Replicas that are paused and continue (SIGSTOP and SIGCONT), for shorter and longer than the
// timeout of their peers.

import type { TestReplica } from '../../support/processes.ts';
import { shuffled } from '../../support/nemesis.ts';
import { stateOf } from '../../support/proc.ts';
import { until } from '../../support/wait.ts';
import { between, dealer, last, type Nemesis, note, type Scene } from './nemesis.ts';

const SPANS_MS: readonly (readonly [number, number])[] = [
  [200, 800],
  [800, 2500],
  [2500, 6000],
];
const TWO_SHARE = 0.3;

export function pause(scene: Scene): Nemesis {
  const { prng, replicas } = scene;
  const nextSpan = dealer(SPANS_MS, prng);
  return {
    async strike() {
      const ms = between(prng, ...nextSpan());
      const victims = shuffled(replicas, prng).slice(0, prng.chance(TWO_SHARE) ? 2 : 1);
      await standStill(scene, victims, ms);
      await last(scene, between(prng, 300, 1200));
    },
    async heal() {
      for (const replica of replicas) replica.resume();
    },
    demand: { pause: 2 },
  };
}

async function standStill(
  scene: Scene,
  victims: readonly TestReplica[],
  ms: number,
): Promise<void> {
  for (const victim of victims) victim.pause();
  // The kernel stops its threads one after the other.
  await until('they stand still', () => victims.every(({ pid }) => stateOf(pid) === 'T'));
  const lastedMs = await last(scene, ms);
  for (const victim of victims) {
    const state = stateOf(victim.pid);
    victim.resume();
    note(scene, 'pause', victim.id, `state ${state} for ${lastedMs} ms`, state === 'T');
  }
}
