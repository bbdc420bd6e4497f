// The real core behind the HTTP server: a host over a map, without peers.

import { Host } from '../../../src/host/host.ts';
import { compilePolicies } from '../../../src/model/policy.ts';
import type { Clock, Network, Scheduler, Storage, Trace } from '../../../src/model/port.ts';
import type { Member } from '../../../src/model/quorum.ts';
import type { Settings } from '../../../src/model/settings.ts';
import { membersOf, settingsOf } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';

/** While it hangs, no commit ends. */
export interface Disk {
  isHanging: boolean;
}

/** A cluster of one with the namespace `bench`. */
export async function startHost(
  settings: Partial<Settings> = {},
  disk: Disk = { isHanging: false },
): Promise<Host> {
  const members = membersOf(['eu']);
  const self = members[0] as Member;
  const compiled = compilePolicies({ bench: {} }, members, self);
  if (!compiled.ok) throw new Error('the policy of bench is refused');
  const host = new Host({
    settings: settingsOf(members, 0, { bootGraceMs: 1, ...settings }),
    policies: compiled.policies,
    incarnation: 1,
    storage: createStorage(disk),
    network,
    clock,
    scheduler: createScheduler(),
    trace,
    onHalt: (reason) => {
      throw new Error(reason);
    },
  });
  host.start();
  while (host.state !== 'serving') await new Promise((resolve) => setTimeout(resolve, 2));
  return host;
}

const clock: Clock = { wallMs: () => Date.now(), monoMs: () => performance.now() };
const trace: Trace = { note: () => undefined, committed: () => undefined };
const network: Network = {
  start: () => undefined,
  send: () => undefined,
  flush: () => undefined,
};

function createStorage(disk: Disk): Storage {
  const map = new KeyMap();
  return {
    get: map.get,
    commit(batch, done) {
      const complete = (): void => {
        if (disk.isHanging) return void setTimeout(complete, 2);
        map.apply(batch);
        done(undefined);
      };
      setImmediate(complete);
    },
    range: (request, done) => void setImmediate(() => done(map.range(request))),
    clear(from, to, done) {
      map.clear(from, to);
      setImmediate(() => done(undefined));
    },
  };
}

function createScheduler(): Scheduler {
  let timer: NodeJS.Timeout | undefined;
  return {
    soon: (run) => void setImmediate(run),
    arm(delayMs, run) {
      clearTimeout(timer);
      timer = undefined;
      if (delayMs !== Number.POSITIVE_INFINITY) timer = setTimeout(run, delayMs).unref();
    },
  };
}
