// kill -9 of one, two and all replicas, and their restart at once. Half of the time they are all
// ready before, else some may still be starting.

import { type KillTally, killSome } from '../../support/nemesis.ts';
import { between, dealer, last, type Nemesis, type Scene } from './nemesis.ts';

export function kill(scene: Scene): Nemesis {
  const { prng, replicas } = scene;
  const tally: KillTally = { rounds: [0, 0, 0], kills: 0, youngKills: 0, idleRounds: 0 };
  const nextCount = dealer([1, 2, 3], prng);
  return {
    async strike() {
      if (prng.chance(0.5)) await Promise.all(replicas.map((replica) => replica.becomeReady()));
      await last(scene, between(prng, 200, 1000));
      await killSome(scene, nextCount(), tally);
    },
    async heal() {
      await Promise.all(replicas.map((replica) => replica.restart()));
    },
    demand: { kill: 6, restart: 6 },
  };
}
