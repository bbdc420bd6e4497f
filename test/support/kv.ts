// Puts and gets of one key, as tests write them.

import { type Answer, call, type CallOptions, type Problem } from './call.ts';

interface Place {
  readonly id: string;
  readonly httpPort: number;
}

/** `key` may carry a query: `hello?w=2`. */
export function put(
  replica: Place,
  key: string,
  value: string,
  headers: CallOptions['headers'] = {},
  ns = 'demo',
): Promise<Answer> {
  const text = { 'Content-Type': 'text/plain' };
  return call(replica, 'PUT', `/v1/kv/${ns}/${key}`, {
    body: value,
    headers: { ...text, ...headers },
  });
}

export function get(
  replica: Place,
  key: string,
  headers: CallOptions['headers'] = {},
  ns = 'demo',
): Promise<Answer> {
  return call(replica, 'GET', `/v1/kv/${ns}/${key}`, { headers });
}

export function del(replica: Place, key: string, headers: CallOptions['headers'] = {}) {
  return call(replica, 'DELETE', `/v1/kv/demo/${key}`, { headers });
}

/** The value that this replica has, without asking others, or the status if it has none. */
export async function look(replica: Place, key: string): Promise<string | number> {
  const answer = await get(replica, `${key}?r=1`);
  return answer.status === 200 ? answer.text : answer.status;
}

export function problemOf(answer: Answer): Problem {
  return answer.json() as Problem;
}

/** The code at the end of the problem's type. */
export function codeOf(answer: Answer): string {
  const { type } = problemOf(answer);
  return type.slice(type.lastIndexOf(':') + 1);
}
