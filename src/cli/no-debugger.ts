// SIGUSR1 opens Node's debugger, and any program that can reach its port can then run code in this
// process. A listener replaces the default action, so that the signal does nothing. `node
// --inspect` still opens one.

export function refuseDebugger(): void {
  process.on('SIGUSR1', () => undefined);
}
