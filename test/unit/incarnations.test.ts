import { expect, test } from 'vitest';
import { Incarnations } from '../../src/incarnations.ts';

/** Incarnations that begin when the test says so, and record what happened to them. */
class Stage {
  readonly told: string[] = [];
  readonly renewals: (() => void)[] = [];
  readonly failures: unknown[] = [];
  /** The number of the incarnation that cannot begin. */
  failing = 0;
  #count = 0;

  readonly incarnations = new Incarnations<{
    readonly n: number;
    stop(isLast: boolean): Promise<void>;
  }>({
    begin: (onRenewal, before) => {
      const n = ++this.#count;
      this.told.push(`begin ${n} after ${before?.n ?? 'nothing'}`);
      this.renewals.push(onRenewal);
      if (n === this.failing) return Promise.reject(new Error('it cannot begin'));
      return Promise.resolve({
        n,
        stop: (isLast) => {
          this.told.push(`stop ${n}${isLast ? ' for good' : ''}`);
          return Promise.resolve();
        },
      });
    },
    onFailure: (error) => this.failures.push(error),
  });

  renew(n: number): void {
    this.renewals[n - 1]?.();
  }
}

/** Everything that waits only for promises has happened. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a renewal closes the incarnation before the next one begins', async () => {
  const stage = new Stage();
  expect((await stage.incarnations.first).n).toBe(1);
  stage.renew(1);
  await settled();
  await stage.incarnations.stop();
  expect(stage.told).toEqual([
    'begin 1 after nothing',
    'stop 1',
    'begin 2 after 1',
    'stop 2 for good',
  ]);
});

test('a renewal during the begin of the next incarnation is not lost', async () => {
  const stage = new Stage();
  stage.renew(1);
  await settled();
  stage.renew(2);
  await settled();
  expect(stage.told.at(-1)).toBe('begin 3 after 2');
});

test('a stop during a renewal begins no further incarnation', async () => {
  const stage = new Stage();
  await stage.incarnations.first;
  stage.renew(1);
  await stage.incarnations.stop();
  await settled();
  expect(stage.told).toEqual(['begin 1 after nothing', 'stop 1']);
});

test('a second stop, and a renewal after the stop, do nothing', async () => {
  const stage = new Stage();
  await stage.incarnations.stop();
  await stage.incarnations.stop();
  stage.renew(1);
  await settled();
  expect(stage.told).toEqual(['begin 1 after nothing', 'stop 1 for good']);
});

test('an incarnation that cannot follow is a failure with its reason', async () => {
  const stage = new Stage();
  stage.failing = 2;
  stage.renew(1);
  await settled();
  expect(stage.failures).toMatchObject([{ message: 'it cannot begin' }]);
});
