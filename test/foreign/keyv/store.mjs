// A storage adapter of keyv over the HTTP API.

import { EventEmitter } from 'node:events';
import { createRest } from '../rest.mjs';

export class ConitStore extends EventEmitter {
  ttlSupport = true;
  /** @type {string | undefined} */
  namespace;
  /** keyv iterates over adapters of dialects that it knows. */
  opts = { dialect: 'etcd', url: '' };
  #rest;

  constructor(urls, prefix) {
    super();
    this.#rest = createRest(urls, prefix);
  }

  async get(key) {
    const response = await this.#rest.get(key);
    return response.ok ? response.text() : undefined;
  }

  getMany(keys) {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async set(key, value, ttl) {
    const ttlMs = typeof ttl === 'number' && ttl > 0 ? ttl : undefined;
    await this.#rest.put(key, value, { type: 'application/json', ttlMs });
    return true;
  }

  async setMany(entries) {
    await Promise.all(entries.map(({ key, value, ttl }) => this.set(key, value, ttl)));
  }

  async delete(key) {
    const isThere = await this.has(key);
    await this.#rest.delete(key);
    return isThere;
  }

  async deleteMany(keys) {
    const deleted = await Promise.all(keys.map((key) => this.delete(key)));
    return deleted.some(Boolean);
  }

  async has(key) {
    return (await this.#rest.get(key, 'HEAD')).ok;
  }

  async clear() {
    await this.#rest.clear(this.#base);
  }

  async *iterator() {
    for (const key of await this.#rest.keys(this.#base)) yield [key, await this.get(key)];
  }

  get #base() {
    const { namespace = '' } = this;
    return namespace === '' ? '' : namespace.concat(':');
  }
}
