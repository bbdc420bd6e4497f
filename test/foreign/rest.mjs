// One key at a time over the HTTP API, at the replicas in turn: the base of several adapters.

const NAMESPACE = 'foreign';
const BATCH_MAX = 500;

/** Requests below `prefix`; keys go and come without it. */
export function createRest(urls, prefix) {
  let turn = 0;
  const send = async (path, options = {}) => {
    const response = await fetch(`${urls[turn++ % urls.length]}/v1/${path}`, options);
    if (response.ok || response.status === 404) return response;
    throw new Error(
      `${options.method ?? 'GET'} ${path}: ${response.status} ${await response.text()}`,
    );
  };
  const pathOf = (key) => `kv/${NAMESPACE}/${encodeURIComponent(prefix + key)}`;
  const keys = async (base = '') => {
    const found = [];
    let cursor = null;
    do {
      const query = new URLSearchParams({ prefix: prefix + base, limit: '1000' });
      if (cursor !== null) query.set('cursor', cursor);
      const page = await (await send(`kv/${NAMESPACE}?${query}`)).json();
      found.push(...page.items.map(({ key }) => key.slice(prefix.length)));
      cursor = page.cursor;
    } while (cursor !== null);
    return found;
  };
  return {
    /** The reply, 404 included. */
    get: (key, method = 'GET') => send(pathOf(key), { method }),
    async put(key, value, { ttlMs, type } = {}) {
      const query = ttlMs === undefined ? '' : `?ttl=${Math.ceil(ttlMs)}ms`;
      const headers = type === undefined ? {} : { 'Content-Type': type };
      await send(pathOf(key) + query, { method: 'PUT', body: value, headers });
    },
    async delete(key) {
      await send(pathOf(key), { method: 'DELETE' });
    },
    keys,
    async clear(base = '') {
      const all = await keys(base);
      for (let from = 0; from < all.length; from += BATCH_MAX) {
        const ops = all
          .slice(from, from + BATCH_MAX)
          .map((key) => ({ op: 'delete', key: prefix + key }));
        const headers = { 'Content-Type': 'application/json' };
        await send(`batch/${NAMESPACE}`, {
          method: 'POST',
          headers,
          body: JSON.stringify({ ops }),
        });
      }
    },
  };
}
