// A database of abstract-level over the HTTP API: each one has a prefix of its own in one
// namespace. Keys and values are bytes: operations go through batches, whose keys are base64, and
// iterators read lists page by page.

import { randomUUID } from 'node:crypto';

const NAMESPACE = 'foreign';
const BATCH_MAX = 500;
/** Successful answers to an operation; there may be nothing to delete. */
const DONE = new Set([200, 201, 204, 404]);

/** The class, over the replicas in turn. */
export function createLevelClass(
  { AbstractLevel, AbstractIterator, AbstractKeyIterator, AbstractValueIterator },
  urls,
) {
  const client = createClient(urls);

  class ConitLevel extends AbstractLevel {
    #prefix = Buffer.from(`${randomUUID()}/`);

    constructor(options) {
      const encodings = { buffer: true };
      super({ encodings, implicitSnapshots: false, seek: true, has: true }, options);
    }

    async _put(key, value) {
      await this._batch([{ type: 'put', key, value }]);
    }

    async _del(key) {
      await this._batch([{ type: 'del', key }]);
    }

    async _batch(operations) {
      const ops = operations.map(({ type, key, value }) =>
        type === 'put'
          ? { op: 'put', keyBase64: this.#keyOf(key), valueBase64: value.toString('base64') }
          : { op: 'delete', keyBase64: this.#keyOf(key) },
      );
      await client.batch(ops);
    }

    async _get(key) {
      return (await this._getMany([key]))[0];
    }

    async _getMany(keys) {
      const results = await client.batch(
        keys.map((key) => ({ op: 'get', keyBase64: this.#keyOf(key) })),
      );
      return results.map(({ record }) => (record === undefined ? undefined : valueOf(record)));
    }

    async _has(key) {
      return (await this._get(key)) !== undefined;
    }

    async _hasMany(keys) {
      return (await this._getMany(keys)).map((value) => value !== undefined);
    }

    async _clear(options) {
      const keys = [];
      for await (const [key] of this.entries(options)) keys.push(key);
      await this._batch(keys.map((key) => ({ type: 'del', key })));
    }

    _iterator(options) {
      return new Entries(this, options);
    }

    _keys(options) {
      return new Keys(this, options);
    }

    _values(options) {
      return new Values(this, options);
    }

    /** The contents of the range, from `target` on if given. */
    async *entries(options, target) {
      const { reverse = false } = options;
      let left = options.limit === undefined || options.limit < 0 ? Infinity : options.limit;
      for await (const item of client.list(this.#prefix.toString(), reverse)) {
        const key = bytesOf(item).subarray(this.#prefix.length);
        if (!isWithin(key, options) || (target !== undefined && isBefore(key, target, reverse)))
          continue;
        if (left-- <= 0) return;
        yield [key, valueOf(item)];
      }
    }

    #keyOf(key) {
      return Buffer.concat([this.#prefix, key]).toString('base64');
    }
  }

  const Entries = iteratorOver(AbstractIterator, (entry) => entry);
  const Keys = iteratorOver(AbstractKeyIterator, ([key]) => key);
  const Values = iteratorOver(AbstractValueIterator, ([, value]) => value);
  return ConitLevel;
}

function iteratorOver(Base, pick) {
  return class extends Base {
    #db;
    #options;
    #entries;

    constructor(db, options) {
      super(db, options);
      this.#db = db;
      this.#options = { ...options, limit: undefined };
      this.#entries = db.entries(this.#options);
    }

    async _next() {
      const { value, done } = await this.#entries.next();
      return done ? undefined : pick(value);
    }

    _seek(target) {
      this.#entries = this.#db.entries(this.#options, target);
    }
  };
}

/** Each request goes to the next replica. */
function createClient(urls) {
  let requests = 0;
  const ask = async (path, init) => {
    const response = await fetch(`${urls[requests++ % urls.length]}${path}`, init);
    if (response.status !== 200)
      throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const batch = async (ops) => {
    const results = [];
    for (let at = 0; at < ops.length; at += BATCH_MAX) {
      const answer = await ask(`/v1/batch/${NAMESPACE}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ ops: ops.slice(at, at + BATCH_MAX) }),
      });
      results.push(...answer.results);
    }
    const failed = results.find(({ status }) => !DONE.has(status));
    if (failed !== undefined) throw new Error(JSON.stringify(failed));
    return results;
  };
  async function* list(prefix, reverse) {
    let cursor = '';
    do {
      const query = new URLSearchParams({ prefix, values: 'inline', limit: '1000' });
      if (reverse) query.set('reverse', 'true');
      if (cursor !== '') query.set('cursor', cursor);
      const page = await ask(`/v1/kv/${NAMESPACE}?${query}`);
      yield* page.items;
      cursor = page.cursor ?? '';
    } while (cursor !== '');
  }
  return { batch, list };
}

function bytesOf({ key, keyBase64 }) {
  return key === undefined ? Buffer.from(keyBase64, 'base64') : Buffer.from(key);
}

function valueOf({ value, valueBase64 }) {
  return value === undefined ? Buffer.from(valueBase64, 'base64') : Buffer.from(value);
}

function isWithin(key, { gt, gte, lt, lte }) {
  if (gte !== undefined ? key.compare(gte) < 0 : gt !== undefined && key.compare(gt) <= 0)
    return false;
  return lte !== undefined ? key.compare(lte) <= 0 : lt === undefined || key.compare(lt) < 0;
}

function isBefore(key, target, reverse) {
  return reverse ? key.compare(target) > 0 : key.compare(target) < 0;
}
