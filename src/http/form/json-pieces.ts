// A long JSON document, made in pieces so that no turn of the event loop takes long.

import { setImmediate as nextTurn } from 'node:timers/promises';

const PIECE_BYTES = 256 * 1024;

/** `{"NAME":[…]}` with an element for each of `count`. */
export async function jsonList(
  name: string,
  count: number,
  elementAt: (index: number) => unknown,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let text = `{${JSON.stringify(name)}:[`;
  for (let index = 0; index < count; index++) {
    text += (index === 0 ? '' : ',') + JSON.stringify(elementAt(index));
    if (text.length < PIECE_BYTES) continue;
    pieces.push(Buffer.from(text, 'utf8'));
    text = '';
    await nextTurn();
  }
  pieces.push(Buffer.from(`${text}]}`, 'utf8'));
  return Buffer.concat(pieces);
}
