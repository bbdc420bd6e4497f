// The gates of a replica one by one: each is asked in circumstances in which the others admit.

import { beforeEach, describe, expect, it } from 'vitest';
import type { Now } from '../../../../src/model/effect.ts';
import type { Staleness } from '../../../../src/model/staleness.ts';
import { HostTurn } from '../../../../src/host/turn.ts';
import type { Command } from '../../../../src/model/command.ts';
import { fault } from '../../../../src/model/fault.ts';
import type { Namespace } from '../../../../src/model/namespaces.ts';
import { type DataCommand, termsOf } from '../../../../src/model/terms.ts';
import { type GateOptions, gatesOf } from '../../../../src/replica/admission/gates.ts';
import { getOf, listOf, putOf } from '../../../cluster/cluster.ts';
import { membersOf, namespace, namespacesOf } from '../../../support/build.ts';

const MEMBERS = membersOf(['eu', 'us', 'us']);
const namespaces = namespacesOf(MEMBERS, {
  ns: { w: 2, r: 2 },
  fresh: { staleAfter: { timeMs: 2000 } },
});
const FULL = fault('overloaded', 'full');
const NOW: Now = { wallMs: 1_000_000, monoMs: 1000 };

/** The state of the replica. */
let is: {
  closed: boolean;
  drained: boolean;
  unfit: boolean;
  hasFitPeers: boolean;
  trusted: boolean;
  hasDisk: boolean;
  full: boolean;
  dirty: boolean;
  reachable: number;
  silent: number;
  hearsMajority: boolean;
  stalenessMs: Staleness;
};

const options = {
  closed: () => (is.closed ? fault('catching-up', 'starting') : undefined),
  drain: { refusal: () => (is.drained ? fault('draining', 'drained') : undefined) },
  admission: {
    mayAnswer: () => !is.unfit,
    fit: () => (is.hasFitPeers ? [1] : []),
    faultOf: () => fault('replica-stale', 'behind'),
    unfit: () => 0,
  },
  agreed: {
    state: 'measuring',
    aheadMs: 0,
    get isTrusted() {
      return is.trusted;
    },
  },
  clock: { last: 0 },
  settings: { members: MEMBERS, clockDriftMaxMs: 500 },
  room: { takes: () => is.hasDisk },
  peers: {
    get reachable() {
      return is.reachable;
    },
    silent: () => is.silent,
    hearsMajority: () => is.hearsMajority,
  },
  checkpoint: {
    get fullness() {
      return is.dirty ? fault('overloaded', 'too much is dirty') : undefined;
    },
  },
  staleness: { bound: () => is.stalenessMs },
  lists: { fullness: () => (is.full ? FULL : undefined) },
  reads: {
    get fullness() {
      return is.full ? FULL : undefined;
    },
  },
  writes: {
    get fullness() {
      return is.full ? FULL : undefined;
    },
  },
} as unknown as GateOptions;
const gates = gatesOf(options);

const command = (of: object): DataCommand => ({ ...of, client: { onReply: () => {} } }) as never;
const write = (of = {}): DataCommand => command(putOf('k', 'v', { ns: 'ns', ...of }));
const read = (of = {}): DataCommand => command(getOf('k', { ns: 'ns', ...of }));
const list = (of = {}): DataCommand => command(listOf({ ns: 'ns', ...of }));
const run = (items: number): DataCommand => {
  const { kind: _, ...item } = putOf('k', 'v', { ns: 'ns' });
  return command({ ...item, kind: 'run', items: new Array(items).fill(item) });
};

/** The answer of the first gate that does not admit it, with the name of that gate. */
function asked(each: DataCommand): string {
  const turn = new HostTurn().at(NOW);
  const terms = termsOf(each, namespaces.find(each.namespace) as Namespace, NOW.monoMs);
  for (const gate of gates) {
    if (!(gate.of as readonly Command['kind'][]).includes(each.kind)) continue;
    const passage = gate.at === 'door' ? gate.ask(each, turn) : gate.ask(each, terms, turn);
    if (passage.kind === 'refuse') return `${gate.name}: ${passage.fault.code}`;
    if (passage.kind !== 'admit') return `${gate.name}: ${passage.kind}`;
  }
  return 'admitted';
}

const explain = command({ kind: 'explain', namespace: namespace('ns'), key: 'k' });
const everyKind = (): string[] => [write(), run(1), read(), list(), explain].map(asked);

beforeEach(() => {
  is = {
    closed: false,
    drained: false,
    unfit: false,
    hasFitPeers: true,
    trusted: true,
    hasDisk: true,
    full: false,
    dirty: false,
    reachable: 0b111,
    silent: 0,
    hearsMajority: true,
    stalenessMs: 100,
  };
});

it('gates admit a request unless they find a reason not to', () => {
  expect(everyKind()).toEqual(new Array(5).fill('admitted'));
});

it('gates are in the order that the head of their file explains', () => {
  expect(gates.map(({ name }) => name)).toEqual(
    'closed drained unfit session bound quorum quorum clock disk size full full reach reach isolated full'.split(
      ' ',
    ),
  );
});

describe('a replica that', () => {
  it('is not open refuses every kind, and says that before anything else', () => {
    Object.assign(is, { closed: true, drained: true, unfit: true, full: true });
    expect(everyKind()).toEqual(new Array(5).fill('closed: catching-up'));
  });

  it('is drained refuses clients, and still explains keys', () => {
    Object.assign(is, { drained: true, unfit: true });
    const refused = new Array(4).fill('drained: draining');
    expect(everyKind()).toEqual([...refused, 'admitted']);
  });

  it('cannot prove how fresh it is lets a read with a bound wait, or refuses it', () => {
    for (const stalenessMs of ['unknown', 501] as const) {
      is.stalenessMs = stalenessMs;
      for (const bounded of [read({ boundMs: 500, r: 1 }), list({ boundMs: 500, r: 1 })])
        expect(asked({ ...bounded, onUnmet: 'usual' } as DataCommand)).toBe('bound: park');
      expect(asked(read({ boundMs: 500, r: 1, onUnmet: 'fail' }))).toBe('bound: bound-unmet');
      expect(asked(read({ boundMs: 500, r: 2, onUnmet: 'fail' }))).toBe('admitted');
      expect(asked(read())).toBe('admitted');
    }
    is.stalenessMs = 500;
    expect(asked(read({ boundMs: 500, r: 1 }))).toBe('admitted');
  });

  it('is behind forwards reads, if they may be and others can answer, and accepts writes', () => {
    is.unfit = true;
    expect(asked(read({ onUnmet: 'forward', r: 9 }))).toBe('unfit: forward');
    expect(asked(list({ onUnmet: 'forward' }))).toBe('unfit: forward');
    expect(asked(read({ onUnmet: 'fail' }))).toBe('unfit: replica-stale');
    is.hasFitPeers = false;
    expect(asked(read({ onUnmet: 'forward' }))).toBe('unfit: replica-stale');
    expect(asked(write())).toBe('admitted');
  });

  it('cannot trust its clock, has no disk left, or is full gives the first of these reasons', () => {
    is.full = true;
    expect(everyKind()).toEqual(new Array(5).fill('full: overloaded'));
    is.hasDisk = false;
    expect(asked(write())).toBe('disk: low-disk');
    is.trusted = false;
    expect(asked(write())).toBe('clock: catching-up');
    expect(asked(read())).toBe('full: overloaded');
  });

  it('has too much to bring to its table refuses writes, and reads go on', () => {
    is.dirty = true;
    expect([write(), run(1)].map(asked)).toEqual(new Array(2).fill('full: overloaded'));
    expect([read(), list(), explain].map(asked)).toEqual(new Array(3).fill('admitted'));
  });

  it('reaches too few replicas refuses requests that need them', () => {
    is.reachable = 0b001;
    expect([write(), read(), list()].map(asked)).toEqual(new Array(3).fill('reach: no-quorum'));
    expect(asked(write({ w: 1 }))).toBe('admitted');
    expect(asked(write({ respondAsync: true }))).toBe('admitted');
    expect(asked(read({ r: 1 }))).toBe('admitted');
  });

  it('begins no read at members that have fallen silent', () => {
    is.silent = 0b110;
    expect(asked(read())).toBe('reach: no-quorum');
    expect([write(), list()].map(asked)).toEqual(['admitted', 'admitted']);
  });

  it('hears no majority refuses writes if the policy says so', () => {
    is.hearsMajority = false;
    expect(asked(write({ ns: 'fresh' }))).toBe('isolated: no-quorum');
    expect(asked(write())).toBe('admitted');
  });
});

describe('a request that', () => {
  it('asks for more replicas than exist is refused', () => {
    expect([write({ w: 4 }), read({ r: 4 }), list({ r: 4 })].map(asked)).toEqual(
      new Array(3).fill('quorum: invalid-parameter'),
    );
  });

  it('writes too much at once is refused', () => {
    expect(asked(run(1000))).toBe('admitted');
    expect(asked(run(1001))).toBe('size: value-too-large');
  });
});
