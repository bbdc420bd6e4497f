// Single requests for setting systems up; never used during a measurement.

import { connect } from 'node:net';

const timeoutMs = 5_000;

/** Sends text over TCP and resolves with the whole response once it matches. */
export function exchange(port: number, text: string, until: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let received = '';
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer; got: ${received}`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed; got: ${received}`)));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (!until.test(received)) return;
      resolve(received);
      socket.destroy();
    });
  });
}

interface Request {
  readonly method?: string;
  readonly body?: unknown;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

export async function ask(port: number, path: string, request: Request = {}): Promise<Answer> {
  const reply = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: request.method ?? 'GET',
    headers: { 'content-type': 'application/json' },
    body: request.body === undefined ? null : JSON.stringify(request.body),
    signal: AbortSignal.timeout(timeoutMs),
  });
  return { status: reply.status, text: await reply.text() };
}
