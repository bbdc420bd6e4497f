// Actions that undo something when this process ends, in whatever way except SIGKILL; the newest
// first. A separate process does it, outside the process group of this one, because a second
// signal, or one for the whole group, would end it half way.

import { spawn } from 'node:child_process';

const commands = new Set<readonly string[]>();

process.on('exit', () => {
  if (commands.size === 0) return;
  const script = [...commands].toReversed().map((command) => command.map(quote).join(' '));
  spawn('sh', ['-c', script.join('; ')], { detached: true, stdio: 'ignore' });
});

/** The returned function cancels the action. */
export function atEnd(...command: readonly string[]): () => void {
  commands.add(command);
  return () => void commands.delete(command);
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
