// kill -9 of one, two or all replicas, which restart at once. In half of the cases all of them are
// ready before; in the others some may still be starting.

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
