// A reader gets exactly what the writer encoded. Any damage to a frame is refused, and no input
// makes the reader throw, hang or allocate without bound.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messageBytesMax, readMessage } from '../../src/adapters/peer/codec.ts';
import { VECTOR_ENTRIES_MAX } from '../../src/adapters/peer/parts/vector.ts';
import { decodeFrame, encodeFrame, FrameWriter } from '../../src/adapters/frame.ts';
import { ByteReader } from '../../src/base/bytes.ts';
import type { Message } from '../../src/model/message.ts';
import { latestOf, type Mutation, recordOf } from '../../src/model/record.ts';
import { anyMessage, messageArbitraries } from '../support/arbitrary-message.ts';
import { mutation, origin, run } from '../support/build.ts';

const anyMessages = fc.array(anyMessage, { minLength: 1, maxLength: 4 });
/** Small enough to test every byte of its frame. */
const fewBytes = anyMessages
  .map((messages) => encodeFrame(messages))
  .filter((b) => b.length < 4000);

/**
 * Reads the messages of a body like a frame, but without its checksum; `undefined` if they are not
 * valid.
 */
function read(body: Uint8Array): readonly Message[] | undefined {
  const reader = new ByteReader(body);
  const messages: Message[] = [];
  while (reader.left > 0) {
    const message = readMessage(reader, []);
    if (message === undefined) return undefined;
    messages.push(message);
  }
  return messages;
}

const bodyOf = (frame: Uint8Array) => frame.slice(1, -4);

describe('a frame', () => {
  it.each(Object.entries(messageArbitraries))(
    'returns a message of kind %s unchanged',
    (_, message) => {
      fc.assert(
        fc.property(message as fc.Arbitrary<Message>, (sent) => {
          expect(decodeFrame(encodeFrame([sent]))).toEqual({ ok: true, messages: [sent] });
        }),
        { numRuns: 50 },
      );
    },
  );

  it('returns many messages in order', () => {
    fc.assert(
      fc.property(anyMessages, (messages) => {
        expect(decodeFrame(encodeFrame(messages))).toEqual({ ok: true, messages });
      }),
      { numRuns: 30 },
    );
  });

  it('is no longer than the computed bound', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(encodeFrame([message]).length).toBeLessThanOrEqual(messageBytesMax(message));
      }),
    );
  });

  it('carries the original bytes of a mutation', () => {
    fc.assert(
      fc.property(messageArbitraries.entries, (sent) => {
        const decoded = decodeFrame(encodeFrame([sent]));
        const [got] = decoded.ok ? decoded.messages : [];
        if (got?.kind !== 'entries') throw new Error('not what was sent');
        expect(got.entries.map(({ bytes }) => bytes)).toEqual(
          sent.entries.map(({ bytes }) => bytes),
        );
      }),
      { numRuns: 20 },
    );
  });

  it('that is cut short at any length is refused', () => {
    fc.assert(
      fc.property(fewBytes, (frame) => {
        for (let length = 0; length < frame.length; length++)
          if (decodeFrame(frame.subarray(0, length)).ok)
            throw new Error(`accepted ${length} bytes`);
        expect(decodeFrame(frame).ok).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('with any one byte changed is refused', () => {
    fc.assert(
      fc.property(fewBytes, fc.integer({ min: 1, max: 255 }), (frame, mask) => {
        for (let at = 0; at < frame.length; at++) {
          frame[at] = (frame[at] as number) ^ mask;
          if (decodeFrame(frame).ok) throw new Error(`accepted a change at ${at}`);
          frame[at] = (frame[at] as number) ^ mask;
        }
        expect(decodeFrame(frame).ok).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('of entries is refused for any other value of any of its bytes', () => {
    const frame = encodeFrame([
      { kind: 'entries', origin: origin('eu-1.7'), entries: run(origin('eu-1.7'), 2) },
    ]);
    for (let at = 0; at < frame.length; at++)
      for (let mask = 1; mask < 256; mask++) {
        frame[at] = (frame[at] as number) ^ mask;
        if (decodeFrame(frame).ok) throw new Error(`accepted a change at ${at}`);
        frame[at] = (frame[at] as number) ^ mask;
      }
    expect(decodeFrame(frame).ok).toBe(true);
  });

  it('with bytes appended is refused', () => {
    fc.assert(
      fc.property(fewBytes, fc.uint8Array({ minLength: 1, maxLength: 9 }), (frame, more) => {
        expect(decodeFrame(Uint8Array.of(...frame, ...more)).ok).toBe(false);
      }),
    );
  });

  it('of random bytes is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(decodeFrame(bytes).ok).toBe(false);
      }),
    );
  });

  it('of another version is refused', () => {
    const frame = encodeFrame([{ kind: 'ack', vector: [], windowBytes: 1 }], 2);
    expect(decodeFrame(frame)).toEqual({ ok: false, reason: 'version' });
    expect(decodeFrame(frame, 2).ok).toBe(true);
  });
});

// A checksum proves nothing about the sender: a peer with a bug or malice computes it as well.
describe('the content of a frame', () => {
  it('never makes the reader throw when it is random', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.uint8Array({ maxLength: 200 }), (kind, body) => {
        const head = [kind, body.length, 0, 0, 0];
        expect(() => read(Uint8Array.of(...head, ...body))).not.toThrow();
      }),
      { numRuns: 3000 },
    );
  });

  it('with one byte changed is read or refused, and never throws', () => {
    fc.assert(
      fc.property(fewBytes, fc.nat(), fc.integer({ min: 1, max: 255 }), (frame, at, mask) => {
        const body = bodyOf(frame);
        const place = at % body.length;
        body[place] = (body[place] as number) ^ mask;
        expect(() => read(body)).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });

  it('that announces more than it holds is refused at once', () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    const message = (kind: number, body: readonly number[]) =>
      Uint8Array.of(kind, body.length, 0, 0, 0, ...body);
    expect(read(message(2, huge))).toBeUndefined();
    expect(read(message(1, [3, 97, 46, 49, ...huge]))).toBeUndefined();
    expect(read(message(6, huge))).toBeUndefined();
    expect(read(Uint8Array.of(2, 255, 255, 255, 255, 0))).toBeUndefined();
  });

  it('with a damaged mutation anywhere is refused', () => {
    const body = bodyOf(encodeFrame([{ kind: 'repair', record: recordOf(mutation()) }]));
    expect(read(body)).toHaveLength(1);
    for (let at = 6; at < body.length; at++) {
      const damaged = body.slice();
      damaged[at] = (damaged[at] as number) ^ 1;
      expect(read(damaged)).toBeUndefined();
    }
  });

  it('with a vector beyond the bound is refused', () => {
    const entry = [origin('a.1'), 1] as const;
    const ack = (length: number): Message => ({
      kind: 'ack',
      vector: Array.from({ length }, () => entry),
      windowBytes: 1,
    });
    expect(decodeFrame(encodeFrame([ack(VECTOR_ENTRIES_MAX)])).ok).toBe(true);
    expect(decodeFrame(encodeFrame([ack(VECTOR_ENTRIES_MAX + 1)])).ok).toBe(false);
  });

  it('with entries of another origin, with a gap or with a repetition is refused', () => {
    const accepts = (entries: readonly Mutation[]) =>
      decodeFrame(encodeFrame([{ kind: 'entries', origin: origin('eu-1.7'), entries }])).ok;
    const [first, second, third] = run(origin('eu-1.7'), 3) as [Mutation, Mutation, Mutation];
    expect(accepts([first, second, third])).toBe(true);
    expect(accepts([second, third])).toBe(true);
    expect(accepts([first, third])).toBe(false);
    expect(accepts([first, first])).toBe(false);
    expect(accepts([second, first])).toBe(false);
    expect(accepts([mutation({ origin: origin('us-1.1') })])).toBe(false);
  });
});

describe('a frame writer', () => {
  it('writes frames one after the other without touching those that it has returned', () => {
    fc.assert(
      fc.property(fc.array(anyMessages, { minLength: 1, maxLength: 6 }), (turns) => {
        const writer = new FrameWriter(1, 1024);
        const frames = turns.map((messages) => {
          for (const message of messages) writer.add(message);
          const { size } = writer;
          const frame = writer.finish();
          expect(frame.length).toBe(size);
          expect(writer.size).toBe(0);
          return frame;
        });
        expect(frames.map((frame) => decodeFrame(frame))).toEqual(
          turns.map((messages) => ({ ok: true, messages })),
        );
      }),
      { numRuns: 20 },
    );
  });
});

describe('a decoded mutation', () => {
  it('does not keep the buffer of its frame alive', () => {
    const arrived = Buffer.from(encodeFrame([{ kind: 'repair', record: recordOf(mutation()) }]));
    const decoded = decodeFrame(arrived);
    const [got] = decoded.ok ? decoded.messages : [];
    if (got?.kind !== 'repair') throw new Error('not what was sent');
    arrived.fill(0);
    expect(got.record).toEqual(mutation());
    expect(latestOf(got.record).bytes.buffer).not.toBe(arrived.buffer);
  });
});
