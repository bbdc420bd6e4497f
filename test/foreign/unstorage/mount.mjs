// The server that unstorage's HTTP driver expects, in front of the HTTP API: `a:b` is a key, a path
// that ends in `:` is all keys below a base, `x-ttl` is a lifetime in seconds.

import { createServer } from 'node:http';

export async function startMount(rest) {
  const server = createServer((request, response) => {
    answer(rest, request, response).catch((error) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}

async function answer(rest, request, response) {
  const { pathname } = new URL(request.url, 'http://localhost');
  const name = decodeURIComponent(pathname.slice(1)).replaceAll('/', ':');
  if (name === '' || name.endsWith(':')) {
    const base = name.replace(/:+$/, '');
    return answerBase(rest, base === '' ? '' : `${base}:`, request, response);
  }
  if (request.method === 'PUT') {
    const type = request.headers['content-type'];
    const ttl = Number(request.headers['x-ttl'] ?? 0);
    await rest.put(name, await bodyOf(request), {
      type,
      ...(ttl > 0 ? { ttlMs: ttl * 1000 } : {}),
    });
    response.end('OK');
  } else if (request.method === 'DELETE') {
    await rest.delete(name);
    response.end('OK');
  } else {
    const found = await rest.get(name, request.method);
    const headers = { 'Content-Type': found.headers.get('content-type') ?? 'text/plain' };
    const modified = found.headers.get('last-modified');
    if (modified !== null) headers['Last-Modified'] = modified;
    const expires = found.headers.get('conit-expires');
    if (expires !== null)
      headers['X-TTL'] = String(Math.ceil((Date.parse(expires) - Date.now()) / 1000));
    response.writeHead(found.status, headers).end(Buffer.from(await found.arrayBuffer()));
  }
}

async function answerBase(rest, base, { method }, response) {
  if (method === 'DELETE') {
    await rest.clear(base);
    response.end('OK');
  } else {
    const headers = { 'Content-Type': 'application/json' };
    response.writeHead(200, headers).end(JSON.stringify(await rest.keys(base)));
  }
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
