import { beforeEach, describe, expect, it } from 'vitest';
import { PeerReports } from '../../../src/lag/peer-reports.ts';
import { namespace } from '../../support/build.ts';
import { EU, US } from '../../support/machine-room.ts';

const [NS, NT] = [namespace('ns'), namespace('nt')];
const stale = { state: 'stale', rule: 'time', forMs: 1, answers: false } as const;
const lag = { namespace: NS, ...stale, missingMs: 5, missingEntries: 0 };

let reports: PeerReports;

beforeEach(() => {
  reports = new PeerReports();
});

describe('the report of a peer about itself', () => {
  it('is empty at first, so the peer counts as serving', () => {
    expect(reports.of(EU)).toEqual({ commitAgeMs: 0, health: [] });
    expect([reports.answers(EU, NS), reports.lagOf(EU, NS)]).toEqual([true, undefined]);
  });

  it('is its last one, of the namespaces that it named', () => {
    reports.onHeartbeat(EU, { commitAgeMs: 90, health: [lag] });
    expect([reports.of(EU).commitAgeMs, reports.lagOf(EU, NS)]).toEqual([90, lag]);
    expect([reports.answers(EU, NS), reports.answers(EU, NT)]).toEqual([false, true]);
    expect(reports.answers(US, NS)).toBe(true);
    reports.onHeartbeat(EU, { commitAgeMs: 0, health: [{ ...lag, answers: true }] });
    expect([reports.of(EU).commitAgeMs, reports.answers(EU, NS)]).toEqual([0, true]);
  });

  it('begins again with its greeting', () => {
    reports.onHeartbeat(EU, { commitAgeMs: 90, health: [lag] });
    reports.onHello(EU);
    expect([reports.of(EU).commitAgeMs, reports.answers(EU, NS)]).toEqual([0, true]);
  });
});
