// `conit resync`: how it reads a replica's report, and how it shows it.

import { describe, expect, it } from 'vitest';
import type { Client } from '../../../src/cli/client.ts';
import { CommandError, EXIT } from '../../../src/cli/exit.ts';
import { barOf, progressOf, resync } from '../../../src/cli/resync.ts';
import type { ClusterView, NamespaceHealthView } from '../../../src/api/shapes.ts';
import { fakeTerminal } from './fake-terminal.ts';

type Self = ClusterView['replicas'][number];

const self: Self = {
  id: 'eu-1',
  region: 'eu',
  self: true,
  url: null,
  state: 'serving',
  stalenessMs: 10,
  rttMs: 0,
  entriesItLacks: 0,
  entriesWeLack: 0,
  entriesMissing: 0,
  namespaces: [],
  commitAgeMs: 0,
  vector: {},
};

const viewOf = (changes: Partial<Self>): ClusterView => ({
  node: 'eu-1',
  epoch: 1,
  regions: ['eu'],
  forgotten: [],
  replicas: [{ ...self, ...changes }],
});

const catchingUp: readonly Partial<Self>[] = [
  { state: 'catching-up', entriesMissing: null },
  { state: 'catching-up', entriesMissing: 400, copy: { parts: 2, records: 90, share: 0.5 } },
  { state: 'catching-up', entriesMissing: 400 },
  { state: 'catching-up', entriesMissing: 100 },
  { entriesMissing: 0, namespaces: [unfit('chat')] },
  { entriesMissing: 0 },
];

function unfit(namespace: string): NamespaceHealthView {
  const rest = { rule: null, forMs: 0, byMinServing: false, missingMs: null, missingEntries: null };
  return { namespace, state: 'catching-up', answers: false, ...rest };
}

/**
 * A replica that answers with these views in turn, the last one without end; undefined: no answer.
 */
function clientOf(views: readonly (Partial<Self> | undefined)[]): Client {
  let at = 0;
  return {
    url: 'http://eu',
    call: async () => {
      const view = views[Math.min(at++, views.length - 1)];
      if (view === undefined) throw new CommandError(EXIT.unavailable, 'it does not answer');
      const body = Buffer.from(JSON.stringify(viewOf(view)));
      return { status: 200, body, header: () => undefined };
    },
  };
}

describe('the progress of catching up', () => {
  it('is that of the snapshot, then of the entries, then of the verification', () => {
    const seen = catchingUp.map((changes) => progressOf(viewOf(changes), 400));
    expect(seen.map(({ phase, share }) => [phase, share])).toEqual([
      ['delta', null],
      ['snapshot', 0.5],
      ['delta', 0],
      ['delta', 0.75],
      ['verifying', 1],
      ['done', 1],
    ]);
  });
});

describe('conit resync', () => {
  it('prints the state of the replica once', async () => {
    const terminal = fakeTerminal({});
    const exit = await resync(clientOf(catchingUp.slice(3)), terminal, { output: 'table' });
    expect([exit, terminal.written()]).toEqual([0, 'eu-1 catching-up: 100 entries missing,\n']);
  });

  it('watches until the replica has caught up: one line for each change, through a restart', async () => {
    const terminal = fakeTerminal({});
    const views = [catchingUp[1], undefined, catchingUp[2], catchingUp[2], ...catchingUp.slice(3)];
    const exit = await resync(clientOf(views), terminal, { watch: true, output: 'table' });
    expect(exit).toBe(0);
    expect(terminal.written().split('\n')).toEqual([
      'eu-1 catching-up: snapshot, 90 records in 2 parts, 50 %',
      'eu-1 catching-up: 400 entries missing, 0 %',
      'eu-1 catching-up: 100 entries missing, 75 %',
      'eu-1 serving: has all entries, verifying, 100 %; chat catching-up',
      'eu-1 serving: caught up, 100 %',
      '',
    ]);
  });

  it('draws a bar on a terminal, which ends full', async () => {
    const terminal = fakeTerminal({ isOutTty: true });
    await resync(clientOf(catchingUp.slice(1)), terminal, { watch: true, output: 'table' });
    const lines = terminal.written().split('\r\x1b[K').slice(1);
    expect(lines[0]).toMatch(/^\[#{12}-{12}\] eu-1 catching-up: snapshot/);
    expect(lines.at(-1)).toBe(`[${'#'.repeat(24)}] eu-1 serving: caught up, 100 %\n`);
    expect(barOf(null)).toBe(`[${'?'.repeat(24)}]`);
  });

  it('writes a JSON line for each change', async () => {
    const terminal = fakeTerminal({});
    await resync(clientOf(catchingUp.slice(3)), terminal, { watch: true, output: 'json' });
    const phases = terminal
      .written()
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { phase: string }).phase);
    expect(phases).toEqual(['delta', 'verifying', 'done']);
  });

  it('ends if no replica answers', async () => {
    const gone = resync(clientOf([undefined]), fakeTerminal({}), { watch: true, output: 'table' });
    await expect(gone).rejects.toThrow('it does not answer');
  });
});
