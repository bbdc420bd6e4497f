// What every peer channel promises to the host, tested with two replicas, 0 and 1. The suite runs
// on real sockets and on the simulated network, so neither promises more than the other keeps.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Message } from '../../src/model/message.ts';
import type { Network, NetworkHandler } from '../../src/model/port.ts';
import { latestOf, recordOf } from '../../src/model/record.ts';
import { mutation, origin, run } from '../support/build.ts';

/** Two replicas, not started, and the faults between them. */
export interface NetworkRig {
  readonly networks: readonly [Network, Network];
  readonly queueBytesMax: number;
  /** Bytes on the way from one to the other, as the sender knows it. */
  queueBytes(from: number, to: number): number;
  /** Lets time pass until `done` holds; fails if it takes too long. */
  until(done: () => boolean): Promise<void>;
  framesArrived(from: number, to: number): number;
  /** Breaks the connection. */
  sever(): void;
  /** What `from` sends is not read on the other side. */
  stall(from: number, to: number): void;
  resume(from: number, to: number): void;
  /** One bit of the next bytes changes on the way. */
  disturb(from: number, to: number): void;
  close(): Promise<void>;
}

/** What one replica received, one list of messages for each connection. */
class Ear implements NetworkHandler {
  readonly connections: Message[][] = [];
  connected = false;
  disconnects = 0;
  /** Set while the network is called, during which it must not call back. */
  isBusy = false;

  onConnected(): void {
    this.#expectConnected(false);
    this.connected = true;
    this.connections.push([]);
  }

  onMessage(_peer: number, message: Message): void {
    this.#expectConnected(true);
    this.connections.at(-1)?.push(message);
  }

  onDisconnected(): void {
    this.#expectConnected(true);
    this.connected = false;
    this.disconnects++;
  }

  get heard(): Message[] {
    return this.connections.flat();
  }

  #expectConnected(connected: boolean): void {
    if (this.isBusy) throw new Error('the network called back from within a call');
    if (this.connected !== connected) throw new Error('an event out of order');
  }
}

const numbered = (id: number): Message => ({
  kind: 'read-reply',
  id,
  answer: 'absent',
  record: undefined,
});
const numbersOf = (messages: readonly Message[]) =>
  messages.map((message) => (message.kind === 'read-reply' ? message.id : -1));
const large = (bytes: number): Message => ({
  kind: 'repair',
  record: recordOf(mutation({ value: new Uint8Array(bytes).fill(7) })),
});

export function networkContract(name: string, createRig: () => Promise<NetworkRig>): void {
  describe(`network: ${name}`, () => {
    let rig: NetworkRig;
    let ears: readonly [Ear, Ear];

    /** Sends these messages to the other replica in one flush. */
    const say = (from: 0 | 1, ...messages: readonly Message[]): void => {
      const network = rig.networks[from];
      ears[from].isBusy = true;
      for (const message of messages) network.send(1 - from, message);
      network.flush();
      ears[from].isBusy = false;
    };
    const together = () => rig.until(() => ears[0].connected && ears[1].connected);
    const apart = () => rig.until(() => !ears[0].connected && !ears[1].connected);

    beforeEach(async () => {
      rig = await createRig();
      ears = [new Ear(), new Ear()];
      rig.networks[1].start(ears[1]);
      rig.networks[0].start(ears[0]);
      await together();
    });

    afterEach(() => rig.close());

    it('connects the two replicas once', () => {
      expect(ears.map(({ connections }) => connections.length)).toEqual([1, 1]);
    });

    it('delivers messages in order, in both directions', async () => {
      const numbers = Array.from({ length: 500 }, (_, at) => at);
      for (const at of numbers) {
        say(0, numbered(at));
        say(1, numbered(at + 1000));
      }
      await rig.until(() => ears[0].heard.length === 500 && ears[1].heard.length === 500);
      expect(numbersOf(ears[1].heard)).toEqual(numbers);
      expect(numbersOf(ears[0].heard)).toEqual(numbers.map((at) => at + 1000));
    });

    it('delivers what was queued between two flushes in one frame', async () => {
      say(0, numbered(1), numbered(2), numbered(3));
      say(0, numbered(4));
      await rig.until(() => ears[1].heard.length === 4);
      expect(rig.framesArrived(0, 1)).toBe(2);
    });

    it('sends nothing when nothing is queued', async () => {
      say(0);
      say(0, numbered(1));
      await rig.until(() => ears[1].heard.length === 1);
      expect(rig.framesArrived(0, 1)).toBe(1);
    });

    it('delivers log entries with their original bytes', async () => {
      const entries = run(origin('eu-1.7'), 40);
      say(0, { kind: 'entries', origin: origin('eu-1.7'), entries });
      await rig.until(() => ears[1].heard.length === 1);
      expect(ears[1].heard).toEqual([{ kind: 'entries', origin: 'eu-1.7', entries }]);
    });

    it('delivers large messages', async () => {
      say(1, large(3_000_000), numbered(1));
      await rig.until(() => ears[0].heard.length === 2);
      const [first, second] = ears[0].heard;
      expect(second).toEqual(numbered(1));
      const value = first?.kind === 'repair' ? latestOf(first.record).value : undefined;
      expect(value?.length).toBe(3_000_000);
      expect(value?.every((byte) => byte === 7)).toBe(true);
    });

    it('reports a broken connection to both sides, and connects again', async () => {
      rig.sever();
      await rig.until(() => ears[0].disconnects === 1 && ears[1].disconnects === 1);
      await together();
      say(0, numbered(7));
      say(1, numbered(8));
      await rig.until(() => ears[0].heard.length === 1 && ears[1].heard.length === 1);
      expect(ears.map(({ connections }) => connections.length)).toEqual([2, 2]);
    });

    it('drops messages that are sent while there is no connection', async () => {
      rig.sever();
      await apart();
      say(0, numbered(1));
      say(1, numbered(1));
      await together();
      say(0, numbered(2));
      say(1, numbered(2));
      await rig.until(() => ears[0].heard.length === 1 && ears[1].heard.length === 1);
      expect([...numbersOf(ears[0].heard), ...numbersOf(ears[1].heard)]).toEqual([2, 2]);
    });

    it('ends the connection to a peer that does not read, and bounds the bytes that wait for it', async () => {
      let most = 0;
      rig.stall(0, 1);
      await rig.until(() => {
        say(0, large(200_000));
        most = Math.max(most, rig.queueBytes(0, 1));
        return ears[0].disconnects === 1;
      });
      expect(most).toBeLessThanOrEqual(rig.queueBytesMax);
      expect(most).toBeGreaterThan(rig.queueBytesMax / 2);
      rig.resume(0, 1);
      await rig.until(() => ears[1].connections.length === 2);
      await together();
      say(0, numbered(1));
      await rig.until(() => ears[1].heard.at(-1)?.kind === 'read-reply');
    });

    it('ends a connection on which nothing arrives, on both sides', async () => {
      rig.stall(0, 1);
      rig.stall(1, 0);
      await apart();
      expect(ears.map(({ disconnects }) => disconnects)).toEqual([1, 1]);
      rig.resume(0, 1);
      rig.resume(1, 0);
      await together();
    });

    it('ends the connection when a frame was changed on the way', async () => {
      rig.disturb(0, 1);
      say(0, numbered(1));
      await rig.until(() => ears[0].disconnects === 1 && ears[1].disconnects === 1);
      await together();
      expect(ears[1].heard).toEqual([]);
    });

    it('loses messages only together with their connection', async () => {
      let sent = 0;
      for (let round = 0; round < 4; round++) {
        const before = ears[1].connections.length;
        await rig.until(() => {
          say(0, numbered(++sent), numbered(++sent));
          return (ears[1].connections.at(-1)?.length ?? 0) > 20;
        });
        rig.sever();
        say(0, numbered(++sent));
        await rig.until(() => ears[1].connections.length > before && ears[0].connected);
      }
      expect(ears[1].connections.length).toBeGreaterThan(3);
      for (const connection of ears[1].connections) {
        const numbers = numbersOf(connection);
        const [first = 0] = numbers;
        expect(numbers).toEqual(numbers.map((_, at) => first + at));
      }
      const all = numbersOf(ears[1].heard);
      expect(all).toEqual(all.toSorted((a, b) => a - b));
    });
  });
}
