import { describe, expect, it } from 'vitest';
import {
  formatAddress,
  isLoopback,
  parseAddress,
  parsePeerAddress,
} from '../../../src/model/address.ts';
import { parseBaseUrl } from '../../../src/model/url.ts';

describe('an address', () => {
  it.each([
    ['127.0.0.1:7070', '127.0.0.1', 7070],
    ['[::1]:7070', '::1', 7070],
    ['[2001:db8::7]:65535', '2001:db8::7', 65_535],
    ['conit_eu-1.internal.:7071', 'conit_eu-1.internal.', 7071],
    ['[fe80::1%eth0]:7070', 'fe80::1%eth0', 7070],
    ['localhost:0', 'localhost', 0],
  ])('%s is a host and a port', (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
    expect(formatAddress({ host, port })).toBe(text);
  });

  it.each([
    '',
    '7070',
    'localhost',
    ':7070',
    '::1:7070',
    '[::1:7070',
    '[::::]:7070',
    '[]:7070',
    '[1.2.3.4]:7070',
    'a b:7070',
    'a..b:7070',
    '-a:7070',
    'a:65536',
    'a:7070\n',
    ' a:7070',
    'a:7070/x',
    'u@a:7070',
    'ключ:7070',
  ])('%j is refused', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('of a peer has a known port, and no zone of this machine', () => {
    expect(parsePeerAddress('10.0.3.7:7071')).toEqual({ host: '10.0.3.7', port: 7071 });
    expect(parsePeerAddress('10.0.3.7:0')).toBeUndefined();
    expect(parsePeerAddress('[fe80::1%eth0]:7071')).toBeUndefined();
  });
});

describe('loopback', () => {
  it.each([
    'localhost',
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '[::1]',
    '0:0:0:0:0:0:0:1',
    '[::ffff:7f00:1]',
    '::ffff:127.8.9.10',
  ])('is %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each([
    '',
    '0.0.0.0',
    '::',
    '::2',
    '[::ffff:8000:1]',
    '128.0.0.1',
    '127.0.0.1.example.org',
    '127.0.0.256',
    '127.1',
    'a.localhost',
    'localhost.example',
    'LOCALHOST',
    'fe80::1%eth0',
    '[::1',
  ])('is not %j', (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});

describe('a base URL', () => {
  it.each([
    ['http://10.0.3.7:7070/', 'http://10.0.3.7:7070'],
    ['https://conit.example', 'https://conit.example'],
    ['http://[::1]:7070', 'http://[::1]:7070'],
  ])('%s is %s', (text, url) => {
    expect(parseBaseUrl(text)).toBe(url);
  });

  it.each([
    '',
    'conit.example',
    'http://a/b',
    'http://a?x',
    'http://u@a',
    'http://a\n',
    'http://a//',
  ])('%j is refused', (text) => {
    expect(parseBaseUrl(text)).toBeUndefined();
  });
});
