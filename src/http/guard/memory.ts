// What is held for clients over all connections: replies that were given and not taken yet, and the values of answers that
// are being put together. One reader that stands still holds its own reply; ten thousand of them would hold as many. So there
// is one bound. Answers that are being put together get at most half of it; where what is owed takes more than they leave, the
// connection whose reply has stood for the longest is closed, but never for the reply that came last.
//
// An answer takes room for a value before that is read, and gives back what the value did not need. Where there is no room it
// waits, the oldest answer first. The oldest one may use what is kept for a whole answer, and it ends; so each of them comes to
// be the oldest, and answers that hold some room and wait for more never wait for each other without an end.

import { assert } from '../../base/assert.ts';
import type { HttpResponse } from '../message.ts';

interface Owed {
  readonly response: HttpResponse;
  readonly bytes: number;
}

/** What an answer asks of the memory. */
interface Desk {
  take(room: AnswerRoom, bytes: number): boolean;
  giveBack(bytes: number): void;
  leave(room: AnswerRoom): void;
}

export class ReplyMemory {
  readonly #bytesMax: number;
  /** Replies that wait for their readers, the oldest first. */
  readonly #owed = new Set<Owed>();
  #owedBytes = 0;
  #reservedBytes = 0;
  /** Answers that are being put together, the oldest first. */
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

  /** The reply has so many bytes that its client has not taken; it is forgotten when it is sent or its connection ends. */
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

  /** The room of one answer, to be given back with `end`; `wholeBytes` at most, and so much is kept for the oldest. */
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

  /** Closes connections whose replies have stood for the longest. */
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

  /** Those that wait, the oldest first, until there is no room for one. */
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

/** The room that one answer has taken; it waits for one value at a time. */
export class AnswerRoom {
  readonly wholeBytes: number;
  readonly #desk: Desk;
  #bytes = 0;
  #waiting: Waiting | undefined;

  constructor(wholeBytes: number, desk: Desk) {
    this.wholeBytes = wholeBytes;
    this.#desk = desk;
  }

  /** Bytes that are taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes so many bytes, now or when others have given theirs back; false: there was no room for `timeoutMs`. */
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

  /** False where it goes on waiting. */
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
