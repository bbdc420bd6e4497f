// SIGUSR1 opens Node's debugger, which lets whoever reaches its port run anything in this process. A listener takes its
// place, so that the signal does nothing. `node --inspect` still opens one for who starts the process.

export function refuseDebugger(): void {
  process.on('SIGUSR1', () => undefined);
}
