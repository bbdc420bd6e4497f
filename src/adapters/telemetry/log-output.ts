// The path of log lines: into memory first, then to the device at its speed. The replica serves
// even if its log cannot be written (trap 77).
//
//  idle -> scheduled -> writing -> idle      the device took everything
//                               -> pausing   it took nothing, for lack of room or because of an
//                                            error (ENOSPC, EPIPE); tried again later
//
// Bound: `bytesMax` wait in memory. A line beyond that is dropped, and so are the waiting lines
// when the device returns an error. Dropped lines are counted, and `onResumed` gets the count once
// the device takes something again. A line that an error cut is terminated before the next one
// begins.

import type { LogDevice } from './log-device.ts';

export interface LogOutputOptions {
  readonly device: LogDevice;
  /** The bound on the bytes that wait in memory. */
  readonly bytesMax?: number;
  readonly onResumed: (dropped: number, reason: string) => void;
  readonly pauseMs?: { readonly full: number; readonly failed: number };
}

const BYTES_MAX = 4 * 1024 * 1024;
/** The bytes of one write. */
const PIECE_BYTES_MAX = 64 * 1024;
const PAUSE_MS = { full: 100, failed: 1000 };
const LINE_END = Uint8Array.of(0x0a);
const NO_READER = 'the reader of the log does not read it';

export class LogOutput {
  readonly #device: LogDevice;
  readonly #bytesMax: number;
  readonly #pauseMs: { readonly full: number; readonly failed: number };
  readonly #onResumed: LogOutputOptions['onResumed'];
  readonly #lines: Buffer[] = [];
  #bytes = 0;
  #state: 'idle' | 'scheduled' | 'writing' | 'pausing' = 'idle';
  /** The bytes that the device is writing, and those that wait. */
  #piece: Buffer = Buffer.alloc(0);
  #pieceLines = 0;
  #isCut = false;
  #dropped = 0;
  #droppedEver = 0;
  #reason = '';

  constructor(options: LogOutputOptions) {
    this.#device = options.device;
    this.#bytesMax = options.bytesMax ?? BYTES_MAX;
    this.#pauseMs = options.pauseMs ?? PAUSE_MS;
    this.#onResumed = options.onResumed;
  }

  /** Lines that were dropped. */
  get dropped(): number {
    return this.#droppedEver;
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0 && this.#piece.length === 0;
  }

  /** One line with its end. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#bytes + bytes.length > this.#bytesMax) {
      this.#drop(1, this.#reason === '' ? NO_READER : this.#reason);
      return;
    }
    this.#lines.push(bytes);
    this.#bytes += bytes.length;
    if (this.#state === 'idle') this.#nextSoon();
  }

  /**
   * For a process that ends: writes the waiting lines, for at most `deadlineMs`. A write that
   * already runs in the pool is not repeated. A file on a stuck disk can block this call;
   * last-resort.ts limits that.
   */
  flushNow(deadlineMs: number): void {
    const untilMs = performance.now() + deadlineMs;
    if (this.#state === 'writing') this.#forgetPiece();
    while (!this.isEmpty && performance.now() < untilMs) {
      this.#takePiece();
      try {
        const count = this.#device.writeNow(this.#piece);
        if (count === 0) pause(10);
        else this.#onTaken(count);
      } catch {
        return;
      }
    }
  }

  /** Waits until everything is written, for at most `deadlineMs`. */
  async drain(deadlineMs: number): Promise<boolean> {
    const untilMs = performance.now() + deadlineMs;
    while (!this.isEmpty && performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this.isEmpty;
  }

  // scheduled, pausing -> writing | idle
  #next(): void {
    if (this.isEmpty) {
      this.#state = 'idle';
      return;
    }
    this.#takePiece();
    this.#state = 'writing';
    const piece = this.#piece;
    this.#device.write(piece, (error, count) => {
      if (this.#piece === piece) this.#onWritten(error, count);
      else this.#nextSoon();
    });
  }

  // idle, writing -> scheduled
  #nextSoon(): void {
    this.#state = 'scheduled';
    setImmediate(() => this.#next());
  }

  // writing -> scheduled | pausing
  #onWritten(error: NodeJS.ErrnoException | undefined, count: number): void {
    if (error !== undefined) {
      this.#dropAll(error.code ?? error.message);
      return this.#pause(this.#pauseMs.failed);
    }
    if (count === 0) return this.#pause(this.#pauseMs.full);
    this.#onTaken(count);
    this.#nextSoon();
  }

  #onTaken(count: number): void {
    this.#piece = this.#piece.subarray(count);
    this.#bytes -= count;
    this.#isCut = this.#piece.length > 0;
    if (this.#isCut) return;
    this.#pieceLines = 0;
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#onResumed(dropped, this.#reason);
    this.#reason = '';
  }

  #pause(ms: number): void {
    this.#state = 'pausing';
    setTimeout(() => this.#next(), ms).unref();
  }

  #takePiece(): void {
    if (this.#piece.length > 0) return;
    const taken: Uint8Array[] = this.#isCut ? [LINE_END] : [];
    this.#bytes += this.#isCut ? LINE_END.length : 0;
    this.#isCut = false;
    let bytes = 0;
    let count = 0;
    while (count < this.#lines.length && bytes < PIECE_BYTES_MAX) {
      const line = this.#lines[count] as Buffer;
      taken.push(line);
      bytes += line.length;
      count++;
    }
    this.#lines.splice(0, count);
    this.#piece = Buffer.concat(taken);
    this.#pieceLines = count;
  }

  #forgetPiece(): void {
    this.#bytes -= this.#piece.length;
    this.#piece = this.#piece.subarray(this.#piece.length);
    this.#pieceLines = 0;
  }

  #dropAll(reason: string): void {
    this.#drop(this.#pieceLines + this.#lines.length, reason);
    this.#forgetPiece();
    this.#lines.length = 0;
    this.#bytes = 0;
  }

  #drop(lines: number, reason: string): void {
    this.#dropped += lines;
    this.#droppedEver += lines;
    this.#reason = reason;
  }
}

/** Blocks the process: it runs when nothing else may. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
