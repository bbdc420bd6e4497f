// pouchdb-server: the same language, one node, LevelDB without sync. A CouchDB client sends with
// each write the revision that it replaces, so the wires share a table of revisions, and a put to a
// key with a write in progress uses the next key without one.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { outcomeOf, parseReply } from '../client/http.ts';
import { type Dataset, keyAt, noise } from '../client/keys.ts';
import { type Outcome, outcome, type Wire } from '../client/wire.ts';
import { ask } from '../exchange.ts';
import { npmScript } from '../install.ts';
import { freePorts, Server } from '../process.ts';
import type { SystemKind } from '../system.ts';

const packages = ['pouchdb-server@4.2.0', 'pouchdb-adapter-leveldb@7.3.1'];
const database = 'bench';
const bulkDocuments = 500;
const revisionPattern = /"rev":"([^"]+)"/;

export const pouchdb: SystemKind = {
  name: 'pouchdb',
  async start(folder) {
    const script = await npmScript(packages, 'pouchdb-server/bin/pouchdb-server');
    const [port = 0] = await freePorts(1);
    const data = join(folder, 'data');
    mkdirSync(data, { recursive: true });
    const config = join(folder, 'config.json');
    writeFileSync(config, JSON.stringify({ log: { level: 'none' } }));
    const server = new Server({
      name: 'pouchdb-server',
      file: process.execPath,
      args: [script, '--port', String(port), '--dir', data, '--config', config, '-n'],
      folder,
    });
    await server.becomeReady(async () => {
      return (await ask(port, `/${database}`, { method: 'PUT' })).status < 500;
    });
    const revisions = new Map<string, Revisions>();
    const revisionsOf = (dataset: Dataset): Revisions => {
      const known = revisions.get(dataset.prefix) ?? new Revisions(dataset.keys);
      revisions.set(dataset.prefix, known);
      return known;
    };
    return {
      name: 'pouchdb',
      about: `${packages[0]}, one node, LevelDB without sync, request log off`,
      pids: [server.pid],
      ports: [port],
      wires(dataset) {
        const shared = revisionsOf(dataset);
        shared.forgetWrites();
        return (connection) => new PouchWire(dataset, shared, connection);
      },
      fill: (dataset) => fill(port, dataset, revisionsOf(dataset)),
      stop: () => server.stop(),
    };
  },
};

async function fill(port: number, dataset: Dataset, revisions: Revisions): Promise<void> {
  for (let from = 0; from < dataset.keys; from += bulkDocuments) {
    const length = Math.min(bulkDocuments, dataset.keys - from);
    const docs = Array.from({ length }, (_, index) => {
      return { _id: keyAt(dataset, from + index), value: noise(dataset.valueBytes, from + index) };
    });
    const path = `/${database}/_bulk_docs`;
    const { text } = await ask(port, path, { method: 'POST', body: { docs } });
    const written = JSON.parse(text) as { readonly id: string; readonly rev?: string }[];
    for (const { id, rev } of written) {
      if (rev === undefined) throw new Error(`pouchdb-server did not take ${id}`);
      revisions.endWrite(Number(id.slice(dataset.prefix.length)), rev);
    }
  }
}

/** The last revision of every key, and which keys have a write in progress. */
class Revisions {
  readonly #last: (string | undefined)[];
  readonly #isWriting: Uint8Array;

  constructor(keys: number) {
    this.#last = Array.from({ length: keys });
    this.#isWriting = new Uint8Array(keys);
  }

  /** The key itself, or the next one without a write in progress. */
  beginWrite(key: number): number {
    let free = key;
    while (this.#isWriting[free] === 1) free = (free + 1) % this.#isWriting.length;
    this.#isWriting[free] = 1;
    return free;
  }

  endWrite(key: number, revision: string): void {
    this.#last[key] = revision;
    this.#isWriting[key] = 0;
  }

  of(key: number): string | undefined {
    return this.#last[key];
  }

  forgetWrites(): void {
    this.#isWriting.fill(0);
  }
}

class PouchWire implements Wire {
  readonly greeting = undefined;
  readonly #dataset: Dataset;
  readonly #revisions: Revisions;
  readonly #value: string;
  #writing: number | undefined;

  constructor(dataset: Dataset, revisions: Revisions, connection: number) {
    this.#dataset = dataset;
    this.#revisions = revisions;
    this.#value = noise(dataset.valueBytes - 8, connection);
  }

  put(key: number, serial: number): Buffer {
    const free = this.#revisions.beginWrite(key);
    this.#writing = free;
    const value = String(serial).padStart(8, '0') + this.#value;
    const body = JSON.stringify({ _rev: this.#revisions.of(free), value });
    return Buffer.from(
      `PUT ${this.#path(free)} HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  }

  get(key: number): Buffer {
    this.#writing = undefined;
    return Buffer.from(`GET ${this.#path(key)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  }

  judge(data: Buffer, end: number): Outcome {
    const reply = parseReply(data, end);
    if (reply === undefined) return outcome.pending;
    if (this.#writing === undefined) return outcomeOf(reply.status);
    const revision = revisionPattern.exec(data.toString('latin1', reply.bodyAt, reply.end))?.[1];
    if (revision === undefined) return outcome.failed;
    this.#revisions.endWrite(this.#writing, revision);
    return outcomeOf(reply.status);
  }

  #path(key: number): string {
    return `/${database}/${keyAt(this.#dataset, key)}`;
  }
}
