// Makes process.nextTick fast for the rest of the process. Node calls it several times a request. On Node 20 the
// object it makes for each tick is built by inline code only while V8 has seen one shape of it; the start of a large
// program mixes shapes before the function is optimised, and then every tick takes a slow path for ever, 2 to 4 µs a
// request. A few thousand ticks up front let V8 settle first: it costs about a millisecond, once.

const TICKS = 5000;

export function warmUpTicks(): Promise<void> {
  return new Promise((resolve) => {
    let count = 0;
    const tick = (): void => {
      if (++count < TICKS) process.nextTick(tick);
      else resolve();
    };
    tick();
  });
}
