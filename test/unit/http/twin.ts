// Two servers behind one port: the requests of a client go to both, and it sees the answers of the
// first. The answers of the two on a connection are compared to the byte, except for what may
// differ: dates, instances, versions and times.
//
// The client sees an answer when the other server has sent as much, so that the next request finds
// both in the same state.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface Twin {
  readonly port: number;
  /** The differences so far, when all connections are closed. */
  differences(): Promise<readonly string[]>;
  close(): void;
}

interface Side {
  readonly socket: Socket;
  text: string;
  isClosed: boolean;
}

/** Times have more or fewer digits. */
const SLACK_BYTES = 48;
/** An answer that only one of them sends is shown after this time. */
const PATIENCE_MS = 4000;

/**
 * `mayDiffer`: the first server now does what the second cannot know; requests meanwhile go to the
 * first only.
 */
export async function startTwin(
  ports: readonly [number, number],
  mayDiffer: () => boolean,
): Promise<Twin> {
  const found: string[] = [];
  const open = new Set<Promise<void>>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const run = serve(client, ports, mayDiffer, found);
    open.add(run);
    void run.finally(() => open.delete(run));
  });
  const port = await listen(server);
  return {
    port,
    async differences() {
      await Promise.all(open);
      return found;
    },
    close: () => server.close(),
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function serve(
  client: Socket,
  ports: readonly [number, number],
  mayDiffer: () => boolean,
  found: string[],
): Promise<void> {
  let asked = '';
  let isExcused = mayDiffer();
  let shown = 0;
  let changed = (): void => undefined;
  const [first, second] = ports.map((port) => side(port, () => changed())) as [Side, Side];
  const sides = [first, second];
  client.on('error', () => undefined);
  client.on('data', (data: Buffer) => {
    isExcused ||= mayDiffer();
    asked += data.toString('latin1');
    first.socket.write(data);
    if (!isExcused) second.socket.write(data);
  });
  client.on('end', () => sides.forEach(({ socket }) => socket.end()));
  const isClientGone = new Promise<void>((resolve) => client.once('close', () => resolve()));
  const show = (): void => {
    isExcused ||= mayDiffer();
    client.write(Buffer.from(first.text.slice(shown), 'latin1'));
    shown = first.text.length;
    if (first.isClosed) client.end();
  };
  const isLevel = (): boolean => {
    if (isExcused || second.isClosed) return true;
    return !first.isClosed && second.text.length >= first.text.length - SLACK_BYTES;
  };
  let patience: NodeJS.Timeout | undefined;
  changed = () => {
    clearTimeout(patience);
    if (isLevel()) show();
    else patience = setTimeout(show, PATIENCE_MS);
  };
  await isClientGone;
  clearTimeout(patience);
  isExcused ||= mayDiffer();
  if (!isExcused) await level(sides, (whenever) => (changed = whenever));
  for (const { socket } of sides) socket.destroy();
  const [one, other] = sides.map(({ text }) => masked(text));
  if (!isExcused && one !== other) found.push(`asked: ${asked}\none: ${one}\nother: ${other}`);
}

/** Until both have answered the same, or one has not answered in time. */
function level(sides: readonly Side[], on: (changed: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS);
    const look = (): void => {
      const [one, other] = sides.map(({ text }) => masked(text));
      if (one !== other) return;
      clearTimeout(timer);
      resolve();
    };
    on(look);
    look();
  });
}

function side(port: number, changed: () => void): Side {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  const self: Side = { socket, text: '', isClosed: false };
  socket.on('error', () => undefined);
  socket.on('data', (data: Buffer) => {
    self.text += data.toString('latin1');
    changed();
  });
  for (const event of ['end', 'close'] as const) {
    socket.on(event, () => {
      self.isClosed = true;
      changed();
    });
  }
  return self;
}

/** Without the parts that differ between moments, or between servers. */
export function masked(text: string): string {
  return (
    text
      .replace(/^(Date|Last-Modified): .*$/gim, '$1: *')
      .replace(/dur=[\d.]+/g, 'dur=*')
      .replace(/(urn:conit:request:[a-z0-9-]+:)[0-9a-f]{10}-\d+/g, '$1*')
      // The age, or the number of the instance, changes the length.
      .replace(/(content-length: )\d+(?=\r\n(?:[^\r]+\r\n)*\r\n\{"namespace")/g, '$1*')
      .replace(/(problem\+json\r\n[^]*?Content-Length: )\d+/gi, '$1*')
      .replace(/\b(eu-1\.1)\.\d+/g, '$1.*')
      .replace(/"(stalenessMs|ageMs)":[\d.]+/g, '"$1":*')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '*')
      .replace(/\b[0-9a-f]{16}\b/g, '*')
  );
}
