import { describe, expect, it } from 'vitest';
import { Backlog } from '../../../src/lag/backlog.ts';
import { origin } from '../../support/build.ts';

const EU = origin('eu-1.1');
const US = origin('us-1.1');

describe('the backlog', () => {
  it('is as old as the oldest announced head that is not reached', () => {
    const backlog = new Backlog();
    backlog.mark(new Map([[EU, 5]]), new Map([[EU, 5]]), 100);
    expect(backlog.ageMs(500)).toBe(0);
    backlog.mark(new Map([[EU, 6]]), new Map([[EU, 5]]), 200);
    backlog.mark(new Map([[EU, 9]]), new Map([[EU, 5]]), 400);
    expect(backlog.ageMs(500)).toBe(300);
    backlog.mark(new Map([[EU, 9]]), new Map([[EU, 6]]), 600);
    expect(backlog.ageMs(600)).toBe(200);
    backlog.mark(new Map([[EU, 9]]), new Map([[EU, 9]]), 700);
    expect(backlog.ageMs(700)).toBe(0);
  });

  it('counts the origin that is furthest behind, and forgets what no replica holds any more', () => {
    const backlog = new Backlog();
    const held = new Map([[EU, 1]]);
    backlog.mark(
      new Map([
        [EU, 2],
        [US, 1],
      ]),
      held,
      100,
    );
    expect(backlog.ageMs(300)).toBe(200);
    backlog.mark(new Map([[US, 1]]), new Map([[EU, 2]]), 300);
    expect(backlog.ageMs(300)).toBe(200);
    backlog.mark(new Map(), held, 400);
    expect(backlog.ageMs(900)).toBe(0);
  });

  it('is bounded, and does not become younger at its bound', () => {
    const backlog = new Backlog();
    for (let seq = 1; seq <= 200; seq++) backlog.mark(new Map([[EU, seq]]), new Map(), seq);
    expect(backlog.ageMs(300)).toBe(299);
    backlog.mark(new Map([[EU, 200]]), new Map([[EU, 64]]), 300);
    expect(backlog.ageMs(300)).toBe(0);
  });
});
