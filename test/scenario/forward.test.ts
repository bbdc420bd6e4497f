// A replica that is too far behind to answer lets another one do so. The answer of that one is
// passed on unchanged, in its order. (test/unit/forward/client.test.ts tests with a fast disk that
// none of it is stored.)

import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/model/message.ts';
import { latestOf } from '../../src/model/record.ts';
import type { Reply } from '../../src/model/reply.ts';
import { Cluster, type ListOptions, shown } from '../cluster/cluster.ts';
import { key, namespace } from '../support/build.ts';

const staleAfter = { entries: 20 };
const namespaces = { fi: { consistency: 'fifo', staleAfter }, ev: { staleAfter } };
const [AP, EU, US] = [0, 1, 2];
const forward = { onUnmet: 'forward' } as const;
const WRITES = 60;

interface Forwarded {
  readonly from: number;
  readonly to: number;
  readonly message: Message;
}

interface Behind {
  readonly cluster: Cluster;
  /** The messages of forwarded questions. */
  readonly sent: Forwarded[];
}

/**
 * The disk of `us` is so slow that it cannot store in time what it knows of; `eu` is the nearest to
 * it.
 */
function behind(settings = {}): Behind {
  const latencyMs = (from: number, to: number): number => (from + to === EU + US ? 5 : 20);
  const cluster = new Cluster({ namespaces, settings, network: { latencyMs } });
  const sent: Forwarded[] = [];
  cluster.onSend = (from, to, message) => {
    if (message.kind.startsWith('forward-')) sent.push({ from, to, message });
  };
  cluster.settle();
  cluster.run(1000);
  const { storage } = cluster.replica(US);
  if (storage === undefined) throw new Error('it runs');
  storage.commitMs = 20_000;
  for (let n = 0; n < WRITES; n++)
    for (const ns of ['fi', 'ev']) cluster.put(AP, name(n), `v${n}`, { w: 2, ns });
  const isStale = (): boolean =>
    (cluster.replica(US).status()?.self.namespaces ?? []).every(({ state }) => state === 'stale');
  cluster.runUntil(isStale);
  return { cluster, sent };
}

const name = (n: number): string => `k${String(n).padStart(2, '0')}`;
const who = (reply: Reply | 'broken'): string | undefined =>
  typeof reply === 'object' && 'heldBy' in reply ? reply.heldBy?.id : undefined;
const asked = (sent: readonly Forwarded[]): string[] =>
  sent
    .filter(({ message }) => message.kind === 'forward-request')
    .map(({ from, to }) => `${from} to ${to}`);

describe.each(['fi', 'ev'])('a stale replica of the namespace %s', (ns) => {
  it('forwards a read to the nearest replica that may answer, and refuses a client that forbids that', () => {
    const { cluster, sent } = behind();
    const found = cluster.get(US, name(WRITES - 1), { ns, r: 1, ...forward });
    expect([shown(found), who(found)]).toEqual([`v${WRITES - 1}`, 'eu-1']);
    expect(asked(sent)).toEqual([`${US} to ${EU}`]);
    const absent = cluster.get(US, 'none', { ns, r: 1, ...forward });
    expect([shown(absent), who(absent)]).toEqual(['absent', 'eu-1']);
    expect(shown(cluster.get(US, name(0), { ns, r: 1 }))).toBe('replica-stale');
  });

  it('forwards a list page by page, and any replica continues behind any page', () => {
    const { cluster, sent } = behind();
    const seen: string[] = [];
    const options: ListOptions = { ns, reverse: true, limit: 25, ...forward };
    let after = '';
    for (const node of [US, AP, US]) {
      const page = cluster.list(node, { ...options, after });
      if (page === 'broken' || page.kind !== 'listed') throw new Error(shown(page));
      expect(page.heldBy?.id).toBe(node === US ? 'eu-1' : undefined);
      seen.push(...page.items.map((item) => item.key));
      ({ after } = page);
    }
    expect(after).toBe('');
    expect(seen).toEqual(Array.from({ length: WRITES }, (_, n) => name(WRITES - 1 - n)));
    expect(asked(sent)).toHaveLength(2);
  });

  it('limits a page to the size of a frame, and loses nothing', () => {
    const { cluster } = behind({ frameBytes: 1000 });
    const seen: string[] = [];
    let pages = 0;
    let after = '';
    do {
      const page = cluster.list(US, { ns, after, ...forward });
      if (page === 'broken' || page.kind !== 'listed') throw new Error(shown(page));
      const bytes = page.items.reduce((sum, item) => sum + latestOf(item).bytes.length, 0);
      expect(bytes).toBeLessThan(1000 + 200);
      seen.push(...page.items.map((item) => item.key));
      ({ after } = page);
      pages++;
    } while (after !== '');
    expect(pages).toBeGreaterThan(2);
    expect(seen).toEqual(Array.from({ length: WRITES }, (_, n) => name(n)));
  });
});

describe('a question that goes to another replica', () => {
  it('goes to the next one if the first refuses', () => {
    const { cluster, sent } = behind();
    cluster.answer(cluster.begin(EU, { kind: 'drain', drained: true }));
    const found = cluster.get(US, name(3), { ns: 'fi', r: 1, ...forward });
    expect([shown(found), who(found)]).toEqual(['v3', 'ap-1']);
    expect(asked(sent)).toEqual([`${US} to ${EU}`, `${US} to ${AP}`]);
  });

  it('goes to the next one if the first dies or stays silent', () => {
    const { cluster } = behind();
    const early = cluster.begin(US, {
      ...({ kind: 'read', namespace: namespace('fi'), key: key(name(3)) } as const),
      ...({ r: 1, timeoutMs: 4000, session: undefined, ...forward } as const),
    });
    cluster.run(2);
    cluster.crash(EU);
    expect(who(cluster.answer(early))).toBe('ap-1');
    cluster.restart(EU);
    cluster.runUntil(() => shown(cluster.get(EU, name(3), { ns: 'fi', r: 1 })) === 'v3');
    cluster.run(500);
    cluster.pause(EU);
    const beganMs = cluster.nowMs;
    const late = cluster.list(US, { ns: 'fi', timeoutMs: 4000, ...forward });
    expect(who(late)).toBe('ap-1');
    expect(cluster.nowMs - beganMs).toBeLessThan(1500);
  });

  it('is refused in time if no replica answers, by a fault that names the replicas that may', () => {
    const { cluster } = behind();
    for (const node of [AP, EU]) cluster.pause(node);
    const beganMs = cluster.nowMs;
    const refused = cluster.list(US, { ns: 'fi', timeoutMs: 300, ...forward });
    expect(refused).toMatchObject({
      kind: 'failed',
      fault: {
        code: 'replica-stale',
        detail: expect.stringMatching(/did not answer in time$/),
        alternates: [{ id: 'eu-1' }, { id: 'ap-1' }],
      },
    });
    expect(cluster.nowMs - beganMs).toBeLessThan(310);
    expect(cluster.replica(US).host?.waiting).toBe(0);
  });

  it('carries the read quorum of the client, which the replica that answers collects', () => {
    const { cluster } = behind();
    const found = cluster.get(US, name(4), { ns: 'ev', r: 2, ...forward });
    expect(found).toMatchObject({ kind: 'found', answers: 2, heldBy: { id: 'eu-1' } });
    const refused = cluster.get(US, name(4), { ns: 'ev', r: 3, ...forward });
    expect(refused).toMatchObject({
      fault: { code: 'replica-stale', detail: expect.stringMatching(/eu-1 no-quorum, ap-1 no-/) },
    });
  });

  it('is answered with a staleness that includes the way', () => {
    const { cluster } = behind();
    const found = cluster.get(US, name(5), { ns: 'fi', r: 1, ...forward });
    if (found === 'broken' || found.kind !== 'found') throw new Error(shown(found));
    expect(found.stalenessMs).toBeGreaterThanOrEqual(10);
  });
});
