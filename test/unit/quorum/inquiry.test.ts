import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { firstMembers, NO_MEMBERS, setOf, single } from '../../../src/model/member-set.ts';
import { createMetrics, type Metrics } from '../../../src/model/metrics.ts';
import { oneGroup } from '../../../src/model/quorum.ts';
import {
  HEDGES_PER_SECOND,
  HEDGES_SAVED_MAX,
  HedgeBudget,
} from '../../../src/peers/hedge-budget.ts';
import { Nearness } from '../../../src/peers/nearness.ts';
import { Inquirer, type Inquiry } from '../../../src/quorum/inquiry.ts';
import { Tally } from '../../../src/quorum/tally.ts';

const SELF = 0;
const ALL = firstMembers(4);
/** The wait for a peer that was not measured yet. */
const HEDGE_MS = 50;

let turn: HostTurn;
let nearness: Nearness;
let hedges: HedgeBudget;
let inquirer: Inquirer<Inquiry>;
let asked: number[];
let metrics: Metrics;

beforeEach(() => {
  turn = new HostTurn().at({ wallMs: 0, monoMs: 0 });
  nearness = new Nearness(SELF, 4);
  hedges = new HedgeBudget();
  asked = [];
  metrics = createMetrics();
  const ask = (_: Inquiry, peer: number): void => void asked.push(peer);
  inquirer = new Inquirer({ nearness, hedges, metrics, timer: 'read', ask });
});

/** This replica has its own answer, and needs one more. */
function begin(unfit = NO_MEMBERS): Inquiry {
  const inquiry: Inquiry = {
    tally: new Tally(oneGroup(ALL, 2)),
    deadlineMs: 10_000,
    unfit,
    asked: single(SELF),
    askedMs: turn.now.monoMs,
    askedLaterMs: undefined,
    hedgeAtMs: Number.POSITIVE_INFINITY,
  };
  inquiry.tally.accept(SELF);
  inquirer.askNeeded(inquiry, ALL, turn);
  return inquiry;
}

/** The timer fires at this time; returns the peers that are asked then. */
function due(inquiry: Inquiry, monoMs: number): number[] {
  asked = [];
  turn.timers.takeDue('read', monoMs);
  inquirer.onDue(inquiry, ALL, turn.at({ wallMs: 0, monoMs }));
  return asked;
}

describe('an inquiry', () => {
  it('asks no member that is unfit, and no more members than it lacks', () => {
    begin(setOf([1]));
    expect(asked).toEqual([2]);
  });

  it('measures a member from when it was asked', () => {
    const inquiry = begin();
    due(inquiry, HEDGE_MS);
    turn.at({ wallMs: 0, monoMs: HEDGE_MS + 7 });
    for (const peer of [1, 2]) inquirer.onAnswer(inquiry, peer, turn);
    expect([1, 2].map((peer) => nearness.meanMs(peer))).toEqual([HEDGE_MS + 7, 7]);
  });

  it('that ends takes members without an answer for as slow as they were', () => {
    const inquiry = begin();
    due(inquiry, HEDGE_MS);
    inquiry.tally.accept(2);
    inquirer.onEnd(inquiry, turn.at({ wallMs: 0, monoMs: 80 }));
    expect([1, 2].map((peer) => nearness.meanMs(peer))).toEqual([80, undefined]);
  });
});

describe('a hedge', () => {
  it('asks the next member when it is due, and one more after that', () => {
    const inquiry = begin();
    expect(due(inquiry, HEDGE_MS - 1)).toEqual([]);
    expect(due(inquiry, HEDGE_MS)).toEqual([2]);
    expect(due(inquiry, 2 * HEDGE_MS)).toEqual([3]);
    expect(due(inquiry, 3 * HEDGE_MS)).toEqual([]);
  });

  it('is put off for as long as the event loop is late', () => {
    const inquiry = begin();
    expect(due(inquiry, HEDGE_MS + 6)).toEqual([]);
    expect(turn.timers.dueMs('read')).toBe(HEDGE_MS + 7);
    expect(due(inquiry, HEDGE_MS + 20)).toEqual([]);
    expect(due(inquiry, HEDGE_MS + 22)).toEqual([2]);
  });

  it('waits while the budget is used up, and is sent once it has room again', () => {
    for (let n = 0; n < HEDGES_SAVED_MAX; n++) hedges.take(0);
    const inquiry = begin();
    // The budget grows by one hedge each half second, and by a part of one with the question.
    const sentAtMs: number[] = [];
    for (let ms = HEDGE_MS; ms <= 1000; ms += HEDGE_MS)
      if (due(inquiry, ms).length > 0) sentAtMs.push(ms);
    expect(sentAtMs).toEqual([500, 1000]);
  });

  it('is sent for one question in twenty at most while every answer is overdue', () => {
    const open: Inquiry[] = [];
    const seconds = 5;
    for (let ms = 0; ms < seconds * 1000; ms++) {
      turn.at({ wallMs: 0, monoMs: ms });
      open.push(begin());
      for (const inquiry of open.slice(-100)) due(inquiry, ms);
    }
    const { readHedges, readQuestions } = metrics;
    expect(readQuestions).toBe(open.length);
    const most = readQuestions / 20 + seconds * HEDGES_PER_SECOND + HEDGES_SAVED_MAX;
    expect(readHedges).toBeGreaterThan(readQuestions / 20);
    expect(readHedges).toBeLessThanOrEqual(most);
  });

  it('costs nothing where no member is left', () => {
    for (let n = 1; n < HEDGES_SAVED_MAX; n++) hedges.take(0);
    const inquiry = begin(setOf([2, 3]));
    expect(due(inquiry, HEDGE_MS)).toEqual([]);
    expect(turn.timers.dueMs('read')).toBe(inquiry.deadlineMs);
    expect(hedges.take(HEDGE_MS)).toBe(true);
  });
});
