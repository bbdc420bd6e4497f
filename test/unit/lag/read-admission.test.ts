// A replica stepped by hand: what it makes of a read that comes before its timer, as after a stall
// of the whole process.

import { beforeEach, describe, expect, it } from 'vitest';
import { helloOf, key, membershipOf, namespace, origin, run } from '../../support/build.ts';
import { Solo } from '../../support/solo.ts';

const PEER = 1;
/** Where there are three. */
const US = 2;
const BEAT_MS = 200;
const EU = origin('eu-1.1');

let solo: Solo;

const hello = helloOf('us-1.1', membershipOf(['eu', 'us']), { url: 'http://us.example.org' });

function pass(ms: number): void {
  solo.now.monoMs += ms;
  solo.now.wallMs += ms;
}

/** The peer answers our ping of `agoMs` ago, and the next heartbeat is due. */
function beat(agoMs = 10, commitAgeMs = 0, peer = PEER): void {
  const { monoMs, wallMs } = solo.now;
  solo.step({ kind: 'tick' });
  pass(agoMs);
  const echoed = { ping: 5, echo: monoMs, echoDelayMs: 0, heads: [] };
  const rest = { hlc: 0, vector: [], wallMs, commitAgeMs, health: [] };
  solo.message(peer, { kind: 'heartbeat', ...echoed, ...rest });
  pass(BEAT_MS - agoMs);
}

function read(): unknown {
  const asked = { namespace: namespace('fresh'), key: key('a'), r: undefined } as const;
  return solo.ask({ kind: 'read', ...asked, timeoutMs: undefined, onUnmet: 'fail' } as never);
}

beforeEach(() => {
  const namespaces = { fresh: { staleAfter: { timeMs: 2000 } } };
  solo = new Solo({ regions: ['eu', 'us'], namespaces });
  solo.step({ kind: 'connected', peer: PEER });
  solo.message(PEER, hello);
});

describe('a read in a namespace whose lag is bounded', () => {
  it('is refused until something was measured, and then answered', () => {
    expect(read()).toMatchObject({ fault: { code: 'catching-up', state: 'unknown' } });
    beat();
    beat();
    expect(read()).toMatchObject({ kind: 'absent' });
  });

  it('is measured again where the last look is too old, whatever it said', () => {
    for (let n = 0; n < 3; n++) beat();
    pass(5000);
    expect(read()).toMatchObject({ fault: { code: 'replica-stale', state: 'stale' } });
  });

  it('is measured again at a replica that is suspect', () => {
    for (let n = 0; n < 3; n++) beat();
    pass(1950);
    solo.step({ kind: 'tick' });
    expect(read()).toMatchObject({ kind: 'absent' });
    pass(150);
    expect(read()).toMatchObject({ fault: { code: 'replica-stale' } });
  });

  it('names the peer and its URL as an alternate only while that is connected', () => {
    beat();
    beat();
    pass(5000);
    const alternates = [{ id: 'us-1', url: 'http://us.example.org' }];
    expect(read()).toMatchObject({ fault: { alternates } });
    solo.step({ kind: 'disconnected', peer: PEER });
    expect(read()).toMatchObject({ fault: { alternates: [] } });
  });
});

describe('what a replica knew that it lacked before it was open', () => {
  it('is as old as that when it opens', () => {
    const [regions, timeMs] = [['ap', 'eu', 'us'], 2000];
    const namespaces = { fresh: { staleAfter: { timeMs } } };
    solo = new Solo({ regions, namespaces, settings: { bootGraceMs: 0 } });
    solo.step({ kind: 'connected', peer: US });
    const held = (seq: number) => ({ vector: [[EU, seq]] }) as const;
    solo.message(US, helloOf('us-1.1', membershipOf(regions), held(5)));
    solo.message(US, { kind: 'ack', windowBytes: 1e6, ...held(9) });
    solo.greet(PEER, 'eu-1.2');
    solo.step({ kind: 'disconnected', peer: PEER });
    for (let ms = 0; ms < 1.5 * timeMs; ms += BEAT_MS) beat(10, 0, US);
    expect(solo.replica.isOpen).toBe(false);
    const entries = run(EU, 5, () => ({ namespace: namespace('fresh') }));
    solo.message(US, { kind: 'entries', origin: EU, entries });
    expect(solo.replica.isOpen).toBe(true);
    beat(10, 0, US);
    const [told] = solo.replica.status(solo.now).self.namespaces;
    expect(told).toMatchObject({ missingEntries: 4, answers: false });
    expect(told?.missingMs).toBeGreaterThan(timeMs);
  });
});
