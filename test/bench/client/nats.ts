// NATS' protocol in plain text. A put publishes to the bucket's subject and counts when JetStream's
// acknowledgement arrives in the connection's inbox; a get is a direct get of the subject's last
// message. A ping of the server is answered before the next request.

import type { KeyTable } from './keys.ts';
import { type Outcome, outcome, Template, type Wire } from './wire.ts';

const inbox = '_INBOX.bench';
const pong = Buffer.from('PONG\r\n');

export class NatsWire implements Wire {
  readonly greeting: Buffer;
  readonly #put: Template;
  readonly #get: Template;
  readonly #inbox: string;
  #isGreeted = false;
  #owesPong = false;

  constructor(keys: KeyTable, value: string, bucket: string, connection: number) {
    this.#inbox = `${inbox}.${connection}`;
    this.greeting = Buffer.from(hello(this.#inbox));
    const subject = `$KV.${bucket}.`;
    const put = ` ${this.#inbox} ${value.length}\r\n`;
    this.#put = new Template(keys, `PUB ${subject}`, put, value, '\r\n');
    const direct = `PUB $JS.API.DIRECT.GET.KV_${bucket}.${subject}`;
    this.#get = new Template(keys, direct, ` ${this.#inbox} 0\r\n\r\n`);
  }

  put(key: number, serial: number): Buffer {
    return this.#withPong(this.#put.forPut(key, serial));
  }

  get(key: number): Buffer {
    return this.#withPong(this.#get.forKey(key));
  }

  judge(data: Buffer, end: number): Outcome {
    for (let at = 0; ; ) {
      const newline = data.indexOf('\r\n', at, 'latin1');
      if (newline < 0 || newline + 2 > end) return outcome.pending;
      const line = data.toString('latin1', at, newline);
      at = newline + 2;
      if (line.startsWith('MSG ') || line.startsWith('HMSG ')) return message(data, end, line, at);
      if (line.startsWith('-ERR')) return outcome.failed;
      if (line === 'PING') this.#owesPong = true;
      if (line === 'PONG' && !this.#isGreeted) {
        this.#isGreeted = true;
        return outcome.ok;
      }
    }
  }

  #withPong(request: Buffer): Buffer {
    if (!this.#owesPong) return request;
    this.#owesPong = false;
    return Buffer.concat([pong, request]);
  }
}

/**
 * The first lines of a client; the PONG to its PING shows that the server has accepted all of them.
 */
export function hello(subject: string): string {
  const settings = { verbose: false, pedantic: false, headers: true, no_responders: true };
  return `CONNECT ${JSON.stringify(settings)}\r\nSUB ${subject} 1\r\nPING\r\n`;
}

// `MSG subject sid size` carries an acknowledgement; `HMSG subject sid headers size` carries a
// stored message or, if its headers begin with a status, the reason why there is none.
function message(data: Buffer, end: number, line: string, at: number): Outcome {
  const size = Number(line.slice(line.lastIndexOf(' ') + 1));
  if (at + size + 2 > end) return outcome.pending;
  const body = data.toString('latin1', at, at + Math.min(size, 64));
  if (line.startsWith('HMSG ')) return headed(body);
  return body.startsWith('{"error"') || body.includes('"error":') ? outcome.failed : outcome.ok;
}

function headed(body: string): Outcome {
  if (body.startsWith('NATS/1.0\r\n')) return outcome.ok;
  return body.startsWith('NATS/1.0 404') ? outcome.miss : outcome.failed;
}
