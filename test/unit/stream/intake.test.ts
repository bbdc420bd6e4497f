import { expect, it } from 'vitest';
import { Exchange } from '../../../src/entropy/exchange.ts';
import { HostTurn } from '../../../src/host/turn.ts';
import { createHybridClock } from '../../../src/model/hlc.ts';
import type { ReplicaId } from '../../../src/model/id.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import { Held } from '../../../src/store/held.ts';
import { Intake, type IntakeOptions } from '../../../src/stream/intake.ts';
import { heldKey } from '../../../src/store/layout.ts';
import { Log } from '../../../src/store/log.ts';
import { origin, run } from '../../support/build.ts';
import { sent } from '../../support/outbox.ts';

const A1 = origin('a.1');

it('makes a stream go back if what waited does not follow the log', () => {
  const metrics = createMetrics();
  const log = new Log(1e6, metrics);
  const held = new Held(1000);
  const out = new HostTurn();
  const exchange = new Exchange(log, metrics, 1000, 100);
  const options = { log, held, clock: createHybridClock(500), metrics } as IntakeOptions;
  const delivery = { offer: () => 'shown' };
  const intake = new Intake(options, exchange, delivery, () => {});
  // The first one is lost.
  for (const { seq, bytes } of run(A1, 3).slice(1))
    held.restore({ key: heldKey(A1, seq), value: bytes }, out);
  intake.onBeat(out.at({ wallMs: 1000, monoMs: 0 }));
  expect(held.upTo(A1)).toBe(0);
  const holds = new Map([[A1, 3]]);
  const source = { peer: 1, id: 'a' as ReplicaId, holds, shows: holds };
  for (const ms of [0, 100])
    exchange.onBeat([source], origin('b.1'), out.at({ wallMs: 0, monoMs: ms }));
  expect(sent(out)).toMatchObject([{ peer: 1, message: { kind: 'pull', origin: A1, from: 1 } }]);
});
