// SIGUSR1 opens Node's debugger, which lets any program that reaches its port run code in this process. A listener takes its
// place, so that the signal does nothing. `node --inspect` still opens one.

export function refuseDebugger(): void {
  process.on('SIGUSR1', () => undefined);
}
