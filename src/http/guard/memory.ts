// The memory held for clients over all connections: written replies that clients have not taken
// yet, and the values of answers in preparation. One stalled reader holds its own reply; ten
// thousand hold ten thousand. So one bound covers all. Answers in preparation get at most half of
// it. If untaken replies need more than is left, the connection whose reply has waited longest is
// closed, but never for the newest reply.
//
// An answer reserves room for a value before the value is read, and returns what the value did not
// need. If there is no room it waits; the oldest answer is first. The oldest one may use the part
// that is reserved for a whole answer, so it finishes, and the next becomes the oldest. So answers
// that hold room and wait for more never block each other for ever.

import { assert } from '../../base/assert.ts';
import type { HttpResponse } from '../message.ts';

interface Owed {
  readonly response: HttpResponse;
  readonly bytes: number;
}

/** The memory, as one answer uses it. */
interface Desk {
  take(room: AnswerRoom, bytes: number): boolean;
  giveBack(bytes: number): void;
  leave(room: AnswerRoom): void;
}

export class ReplyMemory {
  readonly #bytesMax: number;
  /** Replies that clients have not taken, the oldest first. */
  readonly #owed = new Set<Owed>();
  #owedBytes = 0;
  #reservedBytes = 0;
  /** Answers in preparation, the oldest first. */
  readonly #rooms = new Set<AnswerRoom>();
  readonly #desk: Desk = {
    take: (room, bytes) => this.#take(room, bytes),
    giveBack: (bytes) => this.#giveBack(bytes),
    leave: (room) => this.#leave(room),
  };

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get heldBytes(): number {
    return this.#owedBytes + this.#reservedBytes;
  }

  /**
   * Registers a reply and its untaken bytes; it is removed when it is sent or its connection ends.
   */
  owe(response: HttpResponse, bytes: number): void {
    const owed = { response, bytes };
    this.#owed.add(owed);
    this.#owedBytes += bytes;
    response.once('close', () => this.#forget(owed));
    for (const oldest of this.#owed) {
      if (this.heldBytes <= this.#bytesMax || oldest === owed) return;
      this.#forget(oldest);
      oldest.response.req.socket.destroy();
    }
  }

  /**
   * The room of one answer, at most `wholeBytes`; the oldest answer gets that much. Call `end` on
   * it.
   */
  open(wholeBytes: number): AnswerRoom {
    assert(
      wholeBytes > 0 && wholeBytes <= this.#bytesMax / 2,
      'memory: more than answers may take',
    );
    const room = new AnswerRoom(wholeBytes, this.#desk);
    this.#rooms.add(room);
    return room;
  }

  #take(room: AnswerRoom, bytes: number): boolean {
    const isOldest = room === firstOf(this.#rooms);
    const most = this.#bytesMax / 2 - (isOldest ? 0 : room.wholeBytes);
    if (this.#reservedBytes + bytes > most) return false;
    if (isOldest) this.#makeRoom(bytes);
    if (this.heldBytes + bytes > this.#bytesMax) return false;
    this.#reservedBytes += bytes;
    return true;
  }

  /** Closes the connections whose replies have waited longest. */
  #makeRoom(bytes: number): void {
    for (const oldest of this.#owed) {
      if (this.heldBytes + bytes <= this.#bytesMax) return;
      this.#owed.delete(oldest);
      this.#owedBytes -= oldest.bytes;
      oldest.response.req.socket.destroy();
    }
  }

  #giveBack(bytes: number): void {
    this.#reservedBytes -= bytes;
    this.#wake();
  }

  #leave(room: AnswerRoom): void {
    this.#rooms.delete(room);
    this.#wake();
  }

  /** Grants room to the waiting answers, the oldest first, until one does not fit. */
  #wake(): void {
    for (const room of this.#rooms) if (!room.retry()) return;
  }

  #forget(owed: Owed): void {
    if (!this.#owed.delete(owed)) return;
    this.#owedBytes -= owed.bytes;
    this.#wake();
  }
}

interface Waiting {
  readonly bytes: number;
  readonly resume: (isTaken: boolean) => void;
}

/** The room reserved for one answer; it waits for one value at a time. */
export class AnswerRoom {
  readonly wholeBytes: number;
  readonly #desk: Desk;
  #bytes = 0;
  #waiting: Waiting | undefined;

  constructor(wholeBytes: number, desk: Desk) {
    this.wholeBytes = wholeBytes;
    this.#desk = desk;
  }

  /** The reserved bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Reserves this many bytes, now or when others are returned; false: there was no room within
   * `timeoutMs`.
   */
  take(bytes: number, timeoutMs: number): boolean | Promise<boolean> {
    assert(this.#waiting === undefined, 'memory: an answer waits for one value at a time');
    assert(this.#bytes + bytes <= this.wholeBytes, 'memory: more than an answer may have');
    if (this.#desk.take(this, bytes)) {
      this.#bytes += bytes;
      return true;
    }
    return timeoutMs > 0 && this.#wait(bytes, timeoutMs);
  }

  giveBack(bytes: number): void {
    assert(bytes <= this.#bytes, 'memory: more than was taken');
    this.#bytes -= bytes;
    this.#desk.giveBack(bytes);
  }

  end(): void {
    assert(this.#waiting === undefined, 'memory: an answer ends while it waits');
    this.giveBack(this.#bytes);
    this.#desk.leave(this);
  }

  /** False while it still waits. */
  retry(): boolean {
    const waiting = this.#waiting;
    if (waiting === undefined) return true;
    if (!this.#desk.take(this, waiting.bytes)) return false;
    this.#bytes += waiting.bytes;
    waiting.resume(true);
    return true;
  }

  #wait(bytes: number, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const resume = (isTaken: boolean): void => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(isTaken);
      };
      const timer = setTimeout(resume, timeoutMs, false);
      this.#waiting = { bytes, resume };
    });
  }
}

function firstOf<T>(all: Set<T>): T | undefined {
  for (const each of all) return each;
  return undefined;
}
