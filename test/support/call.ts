// One request to a replica and its reply, for tests that read every member of the reply. Each
// request has a connection of its own, so that none uses one to an earlier process of the replica.

import type { NoReply, RawReply } from './raw-http.ts';
import { openConnection } from './raw-http.ts';

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly bytes: Buffer;
  /** '' if there is no such header. */
  header(name: string): string;
  json(): unknown;
}

/** The members of a problem that tests read. */
export interface Problem {
  readonly type: string;
  readonly status: number;
  readonly retryable: boolean;
  readonly indeterminate: boolean;
  readonly node: string;
  readonly required?: number;
  readonly acks?: number;
  readonly dot?: string;
}

interface Place {
  readonly id: string;
  readonly httpPort: number;
}

/** Throws if there is no reply. */
export async function call(
  replica: Place,
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<Answer> {
  const reply = await tryCall(replica, method, path, options);
  if (reply.kind === 'reply') return answerOf(reply);
  throw new Error(`${method} ${path} of ${replica.id}: ${reply.kind}`);
}

export async function tryCall(
  replica: Place,
  method: string,
  path: string,
  { headers = {}, body, timeoutMs = 60_000 }: CallOptions = {},
): Promise<RawReply | NoReply> {
  const connection = await openConnection(replica.httpPort);
  if (connection === undefined) return { kind: 'broken' };
  const request = { method, path, timeoutMs, headers: { ...headers, Connection: 'close' } };
  const reply = await connection.send(body === undefined ? request : { ...request, body });
  connection.close();
  return reply;
}

function answerOf({ status, headers, body }: RawReply): Answer {
  return {
    status,
    bytes: body,
    get text() {
      return body.toString('utf8');
    },
    header: (name) => headers.get(name.toLowerCase()) ?? '',
    json: () => JSON.parse(body.toString('utf8')) as unknown,
  };
}
