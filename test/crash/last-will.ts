// Actions that are undone when this process ends, however it ends but by SIGKILL: the newest first.
// A process of its own does it, outside of this one's group, because a second signal or one for the
// whole group would end it half way.

import { spawn } from 'node:child_process';

const commands = new Set<readonly string[]>();

process.on('exit', () => {
  if (commands.size === 0) return;
  const script = [...commands].toReversed().map((command) => command.map(quote).join(' '));
  spawn('sh', ['-c', script.join('; ')], { detached: true, stdio: 'ignore' });
});

/** The returned function cancels it. */
export function atEnd(...command: readonly string[]): () => void {
  commands.add(command);
  return () => void commands.delete(command);
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
