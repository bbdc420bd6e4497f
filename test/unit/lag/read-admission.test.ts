import { beforeEach, describe, expect, it } from 'vitest';
import { CatchUp } from '../../../src/lag/catch-up.ts';
import { ReadAdmission } from '../../../src/lag/read-admission.ts';
import type { LagState, NamespaceLag } from '../../../src/model/lag.ts';
import { listOf } from '../../../src/model/member-set.ts';
import { namespace, origin, run } from '../../support/build.ts';
import { EU, MachineRoom, US } from '../../support/machine-room.ts';

const [FRESH, FREE] = [namespace('fresh'), namespace('free')];
const EU1 = origin('eu-1.1');
const BEAT_MS = 200;
const STALE_MS = 2000;

let room: MachineRoom;
let admission: ReadAdmission;

function begin(policy: object = {}): void {
  const fresh = { staleAfter: { timeMs: STALE_MS }, ...policy };
  room = new MachineRoom({ namespaces: { fresh, free: {} } });
  const catchUp = new CatchUp(room.core);
  admission = new ReadAdmission(room.core, catchUp);
  room.greet(EU, { url: 'http://eu' });
  catchUp.check(true, room.turn);
}

beforeEach(() => begin());

/** Peers answer recent pings, and then our own heartbeat is due. */
function beat({ peers = [EU], isOpen = true } = {}): void {
  for (const peer of peers) {
    const { monoMs: pingMs } = room.now;
    const echo = { pingMs, keptMs: 0, sentMs: pingMs, heads: [] };
    room.hear(peer);
    room.core.staleness.onEcho(peer, echo, room.core.log.durable, pingMs);
  }
  admission.onBeat({ now: room.now, isOpen });
  room.pass(BEAT_MS);
}

function beats(count: number): void {
  for (let n = 0; n < count; n++) beat();
}

const answers = (of = FRESH): boolean => admission.mayAnswer(of, room.now);
const reported = (): NamespaceLag => admission.report(room.now.monoMs)[0] as NamespaceLag;

/** A peer reports its state in the namespace. */
function says(peer: number, state: LagState, lag: Partial<NamespaceLag> = {}): void {
  const judged = { state, rule: 'pause', forMs: 1, answers: false, missingMs: 1 } as const;
  const health = [{ namespace: FRESH, ...judged, missingEntries: 0, ...lag }];
  room.hear(peer, [], { health });
}

describe('a replica', () => {
  it('refuses reads with a lag bound until something was measured, and answers all others at once', () => {
    expect([answers(), answers(FREE)]).toEqual([false, true]);
    expect(admission.faultOf(FRESH)).toMatchObject({ code: 'catching-up', state: 'unknown' });
    beats(2);
    expect([answers(), reported().state]).toEqual([true, 'serving']);
  });

  it('measures again if its last measurement is too old, whatever that said', () => {
    beats(3);
    room.pass(5000);
    expect(answers()).toBe(false);
    expect(admission.faultOf(FRESH, 'eu-1 draining')).toMatchObject({
      code: 'replica-stale',
      state: 'stale',
      detail: expect.stringMatching(/^this replica is stale: .*; eu-1 draining$/),
    });
  });

  it('uses its last measurement if that is recent', () => {
    beats(3);
    room.pass(0.5 * BEAT_MS);
    expect([answers(), reported().forMs > 0]).toEqual([true, true]);
  });

  it('that is suspect measures again with every read', () => {
    beats(3);
    room.pass(STALE_MS - 50);
    admission.onBeat({ now: room.now, isOpen: true });
    expect([reported().state, answers()]).toEqual(['suspect', true]);
    room.pass(BEAT_MS);
    expect(answers()).toBe(false);
  });

  it('does not count a commit that has just begun as lag, and counts one that hangs', () => {
    beats(3);
    room.core.commitAge.onSeal(room.now.monoMs);
    beats(1);
    expect(answers()).toBe(true);
    beats(STALE_MS / BEAT_MS + 2);
    expect([answers(), reported().rule]).toEqual([false, 'disk']);
  });

  it('reports to its peers what it does not simply serve, and nothing if all is well', () => {
    expect(admission.told(room.now.monoMs)).toMatchObject([{ namespace: FRESH, answers: false }]);
    beats(3);
    expect(admission.told(room.now.monoMs)).toEqual([]);
  });

  it('counts what it lacked before it was open with its full age', () => {
    begin();
    room.hear(EU, [[EU1, 5]]);
    for (let ms = 0; ms < 1.5 * STALE_MS; ms += BEAT_MS) beat({ isOpen: false });
    expect(reported()).toMatchObject({ state: 'unknown' });
    room.hold(...run(EU1, 1));
    beat();
    expect(reported()).toMatchObject({ missingEntries: 4, answers: false });
    expect(reported().missingMs).toBeGreaterThan(0);
  });
});

describe('the peers that may be asked instead', () => {
  it('are the connected ones that answer, the nearest first', () => {
    room.greet(US, { url: 'http://us' });
    expect(admission.fit(FRESH)).toEqual([EU, US]);
    room.core.nearness.observe(US, 1);
    room.core.nearness.observe(EU, 9);
    room.core.nearness.rank();
    expect(admission.alternates(FRESH)).toEqual([
      { id: 'us-1', url: 'http://us' },
      { id: 'eu-1', url: 'http://eu' },
    ]);
    says(US, 'stale');
    expect([admission.fit(FRESH), admission.fit(FREE)]).toEqual([[EU], [US, EU]]);
    room.leave(EU);
    expect(admission.fit(FRESH)).toEqual([]);
  });

  it('do not count in a read if they do not answer and the lag is bounded', () => {
    room.greet(US);
    says(US, 'stale');
    expect(listOf(admission.unfit(FRESH))).toEqual([US]);
    room.leave(US);
    expect(listOf(admission.unfit(FRESH))).toEqual([]);
    room.greet(US);
    says(US, 'stale', { namespace: FREE });
    expect(listOf(admission.unfit(FREE))).toEqual([]);
  });
});
