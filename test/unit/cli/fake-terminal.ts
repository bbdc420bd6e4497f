// A terminal that records what was written to it.

import type { Terminal } from '../../../src/cli/terminal.ts';

interface FakeTerminal extends Terminal {
  /** All results so far. */
  written(): string;
  /** All messages so far. */
  said(): string;
}

export function fakeTerminal(
  traits: Partial<Terminal> & { readonly stdin?: string },
): FakeTerminal {
  const out: Uint8Array[] = [];
  let said = '';
  return {
    isOutTty: false,
    isSayTty: false,
    columns: 80,
    ...traits,
    out: (chunk) => void out.push(Buffer.from(chunk)),
    say: (text) => void (said += text),
    readStdin: async () => Buffer.from(traits.stdin ?? ''),
    written: () => Buffer.concat(out).toString('latin1'),
    said: () => said,
  };
}
