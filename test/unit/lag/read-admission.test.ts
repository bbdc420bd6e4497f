// A replica stepped by hand: what it makes of a read that comes before its timer, as after a stall of the whole process.

import { beforeEach, describe, expect, it } from 'vitest';
import { helloOf, membershipOf, key, namespace } from '../../support/build.ts';
import { Solo } from '../../support/solo.ts';

const PEER = 1;
const BEAT_MS = 200;

let solo: Solo;

const hello = helloOf('us-1.1', membershipOf(['eu', 'us']), { url: 'http://us.example.org' });

function pass(ms: number): void {
  solo.now.monoMs += ms;
  solo.now.wallMs += ms;
}

/** The peer answers our ping of `agoMs` ago, and the next heartbeat is due. */
function beat(agoMs = 10, commitAgeMs = 0): void {
  const { monoMs, wallMs } = solo.now;
  solo.step({ kind: 'tick' });
  pass(agoMs);
  const echoed = { ping: 5, echo: monoMs, echoDelayMs: 0, heads: [] };
  const rest = { hlc: 0, vector: [], wallMs, commitAgeMs, health: [] };
  solo.message(PEER, { kind: 'heartbeat', ...echoed, ...rest });
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
