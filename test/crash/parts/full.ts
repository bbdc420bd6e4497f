// A disk that becomes full, on a small file system of its own:
//
//  slowly    another file uses the room down to the mark: writes are refused with 507 before the
//            disk is full, reads continue, and writes continue once there is room again
//  at once   all room is used between two measurements of the disk watch: no write is acknowledged
//            that is not stored; the replica may end, and returns when there is room
//  at start  it starts on a disk without any room except its reserves: reads and deletes are
//            answered, writes are refused, /readyz reports the reason
//
// No acknowledged write is lost, before and after a kill.

import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { Prng } from '../../../src/base/prng.ts';
import { tryCall } from '../../support/call.ts';
import { startCluster, type TestReplica } from '../../support/processes.ts';
import { judge } from '../../support/load/outcome.ts';
import { until } from '../../support/wait.ts';
import { getAll, listAll } from '../held.ts';
import { Ledger, toldOf } from '../ledger.ts';
import { makeImage, mount, mountObstacle, unmount } from '../mounts.ts';
import type { Part, Result } from '../part.ts';
import { startOnce, startSupervised } from '../victim.ts';
import { NAMESPACE, startWriters } from '../writers.ts';

const MIB = 1024 * 1024;
const DISK_MIB = 224;
/** As in the disk watch: this much room is enough for a reserve and for the return. */
const MARK_BYTES = 64 * MIB;
/**
 * Less than the next write needs. The file system itself needs a little room to allocate the rest.
 */
const SCRAP_BYTES = 64 * 1024;
const BYTES_MAX = 100_000;

export const full: Part = {
  name: 'full',
  about: 'a full disk',
  roundsDefault: 2,
  obstacle: mountObstacle,
  async run({ rounds, prng, folder, memory }): Promise<Result> {
    const findings: string[] = [];
    const tally = { acked: 0, refused: 0, unknown: 0, ended: 0 };
    for (let nth = 0; nth < rounds && findings.length === 0; nth++) {
      const bench = await Bench.make(folder, memory, nth, prng.split(`${nth}`));
      try {
        findings.push(
          ...(await bench.fillSlowly()),
          ...(await bench.fillAtOnce()),
          ...(await bench.startFull()),
        );
        for (const each of ['acked', 'refused', 'unknown'] as const)
          tally[each] += bench.ledger.counts[each];
        tally.ended += bench.ended;
      } finally {
        await bench.remove();
      }
    }
    const told = `${rounds} disks, ${toldOf(tally)}; ${tally.ended} ended at a full disk`;
    return { told, findings };
  },
};

class Bench {
  readonly ledger: Ledger;
  /** How often the replica has ended. */
  ended = 0;
  readonly #replica: TestReplica;
  readonly #disk: string;
  readonly #prng: Prng;
  #phase = 0;

  private constructor(replica: TestReplica, disk: string, ledger: Ledger, prng: Prng) {
    this.#replica = replica;
    this.#disk = disk;
    this.ledger = ledger;
    this.#prng = prng;
  }

  static async make(folder: string, memory: string, nth: number, prng: Prng): Promise<Bench> {
    const image = join(memory, `${nth}.image`);
    const disk = join(memory, `${nth}`);
    makeImage(image, DISK_MIB);
    mount(image, disk);
    const env = { CONIT_DATA_DIR: join(disk, 'eu-1'), CONIT_LOG_LEVEL: 'info' };
    const { replicas } = await startCluster({ dataDir: join(folder, `${nth}`), replicas: 1, env });
    const ledger = new Ledger(join(memory, `${nth}.jsonl`));
    return new Bench(replicas[0] as TestReplica, disk, ledger, prng);
  }

  async fillSlowly(): Promise<string[]> {
    const findings: string[] = [];
    await this.#write(20);
    this.#takeRoom(MARK_BYTES + 8 * MIB);
    const status = await this.#writeUntil((code) => code !== 201);
    if (status !== 507) findings.push(`a write was answered ${status}, not 507`);
    if (this.#room() === 0) findings.push('the disk was full before writes were refused');
    const keys = this.ledger.acked();
    const answers = [...(await getAll(this.#replica, keys)).values()];
    const unread = answers.filter(({ kind }) => kind !== 'value').length;
    if (unread > 0) findings.push(`${unread} of ${keys.length} reads fail while the disk is low`);
    this.#giveRoom();
    await until('writes go on', async () => (await this.#put()) === 201);
    return [...findings, ...(await this.#audit('slowly'))];
  }

  async fillAtOnce(): Promise<string[]> {
    // Before the next measurement, and before the reserve is released.
    this.#takeRoom(SCRAP_BYTES);
    const status = await this.#writeUntil((code) => code !== 201);
    await this.#write(2);
    if (!this.#replica.isRunning) {
      this.ended++;
      const start = await startOnce(this.#replica);
      if (start.kind === 'left' && start.why === '') return [`left a full disk: ${start.how}`];
    } else if (status !== 507 && status !== 504) return [`a write was answered ${status}`];
    this.#giveRoom();
    if (!this.#replica.isRunning) await startSupervised(this.#replica);
    await until('writes go on', async () => (await this.#put()) === 201);
    return this.#audit('at once');
  }

  async startFull(): Promise<string[]> {
    const findings: string[] = [];
    const key = `w${this.#phase++}`;
    await until('a key is written', async () => (await this.#put(key)) === 201);
    await this.#replica.kill9();
    this.#takeRoom(SCRAP_BYTES);
    await this.#replica.restart({ ready: false });
    const ask = (method: string, path: string) => tryCall(this.#replica, method, path, {});
    const statusOf = async (method: string, path: string): Promise<number> => {
      const reply = await ask(method, path);
      return reply.kind === 'reply' ? reply.status : 0;
    };
    await until('it is ready for reads', async () => {
      if (!this.#replica.isRunning) throw new Error('it does not start on a full disk');
      return (await statusOf('GET', '/readyz?op=read')) === 200;
    });
    const ready = await ask('GET', '/readyz');
    const why = ready.kind === 'reply' ? ready.body.toString() : '';
    if (!why.includes('low-disk')) findings.push(`/readyz of a full disk says ${why}`);
    const path = `/v1/kv/${NAMESPACE}/${key}`;
    const got = await statusOf('GET', path);
    if (got !== 200) findings.push(`a read from a full disk was answered ${got}`);
    const written = await this.#put();
    if (written !== 507) findings.push(`a write to a full disk was answered ${written}`);
    const deleted = await statusOf('DELETE', `/v1/kv/${NAMESPACE}/unwritten-${key}`);
    if (deleted !== 204 && deleted !== 404) findings.push(`a delete was answered ${deleted}`);
    this.#giveRoom();
    await until('writes go on', async () => (await this.#put()) === 201);
    return [...findings, ...(await this.#audit('at start'))];
  }

  async remove(): Promise<void> {
    await this.#replica.kill9();
    await unmount(this.#disk);
  }

  async #audit(how: string): Promise<string[]> {
    const now = this.ledger.compare(how, await listAll(this.#replica));
    await this.#replica.kill9();
    await this.#replica.restart();
    const after = this.ledger.compare(`${how}, after a kill`, await listAll(this.#replica));
    return [...now, ...after];
  }

  /** Clients that stop when the replica stops. */
  async #write(each: number): Promise<void> {
    const prefix = `p${this.#phase++}`;
    const options = { ledger: this.ledger, prng: this.#prng, clients: 4, w: 1, prefix, each };
    const places = [this.#replica];
    const writers = startWriters({ ...options, places, bytesMax: BYTES_MAX });
    let isDone = false;
    const done = writers.done.then(() => void (isDone = true));
    await until('writers end', () => isDone || !this.#replica.isRunning);
    await writers.stop();
    await done;
  }

  /** The first expected status, 0 for a broken connection. */
  #writeUntil(isIt: (status: number) => boolean): Promise<number> {
    const seen = async (): Promise<{ readonly status: number } | undefined> => {
      const status = await this.#put();
      return isIt(status) ? { status } : undefined;
    };
    return until('a write is not taken', seen).then(({ status }) => status);
  }

  async #put(key = `w${this.#phase++}`): Promise<number> {
    const value = `${key}=${'x'.repeat(BYTES_MAX)}`;
    this.ledger.begin(key, value);
    const path = `/v1/kv/${NAMESPACE}/${key}?w=1&timeout=1s`;
    const headers = { 'Content-Type': 'text/plain' };
    const reply = await tryCall(this.#replica, 'PUT', path, { body: value, headers });
    const isReply = reply.kind === 'reply';
    const dot = isReply ? (reply.headers.get('conit-version') ?? '') : '';
    this.ledger.end(key, judge(reply).ok, dot);
    return isReply ? reply.status : 0;
  }

  /** A file of another program that uses all room except this. */
  #takeRoom(leftBytes: number): void {
    const size = String(this.#room() - leftBytes);
    execFileSync('fallocate', ['-l', size, join(this.#disk, 'ballast')]);
  }

  #giveRoom(): void {
    rmSync(join(this.#disk, 'ballast'));
  }

  #room(): number {
    const { bavail, bsize } = statfsSync(this.#disk);
    return bavail * bsize;
  }
}
