// Checks a running cluster once a second: the live line on a terminal, and a permanent line
// whenever a replica's state changes.

import type { Child } from './child.ts';
import { healthOf, type ReplicaHealth } from './health.ts';
import { renderMs } from '../render.ts';
import type { Screen } from './screen.ts';

const PERIOD_MS = 1000;

interface Watch {
  /** Resolves when no replica runs or will be started again. */
  untilAllEnded(): Promise<void>;
  stop(): void;
}

export function createWatch(children: readonly Child[], screen: Screen): Watch {
  const states = new Map<string, string>(children.map(({ plan }) => [plan.id, 'serving']));
  let onAllEnded: () => void = () => undefined;
  const allEnded = new Promise<void>((resolve) => (onAllEnded = resolve));
  let isStopped = false;

  const look = async (): Promise<void> => {
    const views = await Promise.all(children.map(({ plan }) => healthOf(plan.url)));
    if (isStopped) return;
    children.forEach(({ plan }, at) => {
      const state = views[at]?.state ?? 'down';
      if (states.get(plan.id) !== state) screen.say(`${plan.id}  is ${state}`);
      states.set(plan.id, state);
    });
    screen.live(children.map(({ plan }, at) => part(plan.id, views[at])).join('   '));
    if (children.every(({ state }) => state === 'ended' || state === 'given-up')) onAllEnded();
  };

  const timer = setInterval(() => void look(), PERIOD_MS);
  void look();
  return {
    untilAllEnded: () => allEnded,
    stop() {
      isStopped = true;
      clearInterval(timer);
    },
  };
}

function part(id: string, health: ReplicaHealth | undefined): string {
  if (health === undefined || health.state === 'down') return `${id} down`;
  const rtt = health.rttMsMax === undefined ? '' : `, RTT ${renderMs(health.rttMsMax)}`;
  return `${id} ${health.state}, lag ${renderMs(health.stalenessMs)}${rtt}`;
}
