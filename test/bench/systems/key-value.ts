// PUT and GET of raw bytes under a path: the form of Conit's own requests.

import type { KeyTable } from '../client/keys.ts';
import { Template } from '../client/wire.ts';

export function keyValueTemplates(
  keys: KeyTable,
  value: string,
  path: string,
  putQuery: string,
  getQuery: string,
): { readonly put: Template; readonly get: Template } {
  const host = ' HTTP/1.1\r\nHost: 127.0.0.1\r\n';
  const type = 'Content-Type: application/octet-stream\r\n';
  const length = `Content-Length: ${value.length}\r\n\r\n`;
  return {
    put: new Template(keys, `PUT ${path}`, putQuery + host + type + length, value),
    get: new Template(keys, `GET ${path}`, `${getQuery + host}\r\n`),
  };
}
