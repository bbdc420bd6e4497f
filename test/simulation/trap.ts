// While a simulated run is in progress, no code may ask Node for time, randomness, timers, files or
// sockets: such code would behave differently in the next run. It gets an error that names the
// call.

import { createRequire, syncBuiltinESMExports } from 'node:module';

const require = createRequire(import.meta.url);

type Holder = { [name: string]: unknown };

/** Modules that a run must not reach; their functions are replaced while it lasts. */
const MODULES = ['node:fs', 'node:fs/promises', 'node:net', 'node:dns', 'node:http', 'node:https'];
const CRYPTO = ['randomBytes', 'randomInt', 'randomUUID', 'randomFillSync', 'randomFill'];

// Loaded before the trap is set, because Node's own modules extend each other while they load.
const loaded = {
  crypto: require('node:crypto') as Holder,
  modules: MODULES.map((module) => ({ module, functions: require(module) as Holder })),
};

export class TrapError extends Error {
  constructor(name: string) {
    super(`a simulated run called ${name}: it would not run the same way again`);
    this.name = 'TrapError';
  }
}

/** Runs `run` with the trap set; it must end before it returns. */
export function trapped<Result>(run: () => Result): Result {
  const restore = setTrap();
  try {
    return run();
  } finally {
    restore();
  }
}

function setTrap(): () => void {
  const undo: (() => void)[] = [];
  const forbid = (holder: Holder, name: string, shown: string): void => {
    const original = Object.getOwnPropertyDescriptor(holder, name);
    if (original === undefined || original.configurable === false) return;
    const refuse = (): never => {
      throw new TrapError(shown);
    };
    Object.defineProperty(holder, name, { ...plain(original), value: refuse });
    undo.push(() => Object.defineProperty(holder, name, original));
  };
  const global = globalThis as unknown as Holder;
  for (const name of [
    'setTimeout',
    'setInterval',
    'setImmediate',
    'queueMicrotask',
    'fetch',
    'WebSocket',
  ])
    forbid(global, name, name);
  forbid(Math as unknown as Holder, 'random', 'Math.random');
  forbid(Date as unknown as Holder, 'now', 'Date.now');
  forbidNewDate(global, undo);
  forbid(performance as unknown as Holder, 'now', 'performance.now');
  forbid(Object.getPrototypeOf(performance) as Holder, 'now', 'performance.now');
  forbid(process as unknown as Holder, 'nextTick', 'process.nextTick');
  forbid(process as unknown as Holder, 'hrtime', 'process.hrtime');
  const webCrypto = Object.getPrototypeOf(crypto) as Holder;
  for (const name of ['getRandomValues', 'randomUUID']) forbid(webCrypto, name, `crypto.${name}`);
  for (const name of CRYPTO) forbid(loaded.crypto, name, `crypto.${name}`);
  for (const { module, functions } of loaded.modules) {
    for (const name of Object.keys(functions))
      if (isCall(functions[name], name)) forbid(functions, name, `${module} ${name}`);
  }
  syncBuiltinESMExports();
  return () => {
    for (const restore of undo.toReversed()) restore();
    syncBuiltinESMExports();
  };
}

/** Classes are not replaced: naming one has no effect, and others extend them. */
function isCall(value: unknown, name: string): boolean {
  return typeof value === 'function' && /^[a-z]/.test(name);
}

/** `new Date(ms)` is arithmetic; `new Date()` and `Date()` read the clock. */
function forbidNewDate(global: Holder, undo: (() => void)[]): void {
  const original = Date;
  global['Date'] = new Proxy(original, {
    construct(target, args: [number?]) {
      const [ms] = args;
      if (ms === undefined) throw new TrapError('new Date');
      return new target(ms);
    },
    apply() {
      throw new TrapError('Date');
    },
  });
  undo.push(() => {
    global['Date'] = original;
  });
}

function plain({ configurable, enumerable }: PropertyDescriptor): PropertyDescriptor {
  return { configurable: configurable ?? true, enumerable: enumerable ?? true, writable: true };
}
