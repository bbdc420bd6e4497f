import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createPrng } from '../../../src/base/prng.ts';
import { formatOperation, parseHistory } from '../../checkers/operation.ts';
import { createRecorder } from '../../checkers/recorder.ts';
import { generate } from './generator.ts';

it('a history is read from its file as it was written, line by line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'conit-history-'));
  const file = join(folder, 'history.jsonl');
  const history = generate(createPrng(1));
  const recorder = createRecorder(file);
  history.forEach((operation, at) => {
    recorder.add(operation);
    expect(parseHistory(readFileSync(file, 'utf8')).length).toBe(at + 1);
  });
  recorder.close();
  expect(parseHistory(readFileSync(file, 'utf8'))).toEqual(history);
  rmSync(folder, { recursive: true });
});

it('a line begins with the members that every history has', () => {
  const [operation] = generate(createPrng(2));
  const members = Object.keys(JSON.parse(formatOperation(operation as never)) as object);
  expect(members.slice(0, 13).join(' ')).toBe(
    'process session node ns level key type value call_ns return_ns ok result ver',
  );
});

it('an unfinished last line is left out, and a wrong line is refused', () => {
  const lines = generate(createPrng(3)).slice(0, 2).map(formatOperation);
  expect(parseHistory(`${lines[0]}\n${lines[1]?.slice(0, 40)}`)).toHaveLength(1);
  expect(() => parseHistory('{"process":1}\n')).toThrow('no session');
});
