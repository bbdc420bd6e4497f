// What client generators make of the OpenAPI document: a linter finds no error in it,
// openapi-typescript makes types of it, and a client that the compiler checks against them works at
// a replica.
//
//   node suite.mjs FOLDER-OF-PACKAGES URL URL URL

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, url] = process.argv.slice(2);
const require = createRequire(join(folder, 'package.json'));
const load = async (name) => import(pathToFileURL(require.resolve(name)).href);
const document = await (await fetch(`${url}/openapi.json`)).json();
const file = join(folder, 'openapi.json');
writeFileSync(file, JSON.stringify(document));

const { createConfig, lint } = await load('@redocly/openapi-core');
const config = await createConfig({
  extends: ['recommended'],
  // Open routes have no errors but those of every route; `*` stands for the servers of all
  // replicas.
  rules: { 'operation-4xx-response': 'off', 'no-server-example.com': 'off' },
});
const found = await lint({ ref: file, config });
for (const { severity, message, location } of found)
  console.log(`${severity}: ${message} at ${location[0]?.pointer}`);
const errors = found.filter(({ severity }) => severity === 'error').length;

const CLIENT = `
import createClient from 'openapi-fetch';
import type { components, paths } from './api.js';

const client = createClient<paths>({ baseUrl: process.argv[2] as string });
const ns = 'foreign';
const must = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what);
};

const path = { ns, key: 'generated/clients of OpenAPI' };
const put = await client.PUT('/v1/kv/{ns}/{key}', {
  params: { path, query: { w: 'majority', ttl: '1h' }, header: { 'If-None-Match': '*' } },
  body: 'value',
  bodySerializer: (body) => body as string,
  headers: { 'Content-Type': 'text/plain' },
});
must(put.response.status === 201, 'put: ' + put.response.status);
const get = await client.GET('/v1/kv/{ns}/{key}', { params: { path }, parseAs: 'text' });
must(get.data === 'value', 'get: ' + String(get.data));
const envelope = await client.GET('/v1/kv/{ns}/{key}', {
  params: { path, query: { envelope: true, r: 2 } },
});
const record = envelope.data as components['schemas']['Envelope'];
must(record.value === 'value' && record.expires !== undefined, 'envelope: ' + record.value);
const touched = await client.POST('/v1/kv/{ns}/{key}', { params: { path, query: { ttl: '2h' } } });
must(touched.response.status === 204, 'touch: ' + touched.response.status);
const list = await client.GET('/v1/kv/{ns}', {
  params: { path: { ns }, query: { prefix: 'generated/', limit: 10, reverse: true } },
});
// Lines of JSON are the other form of a list.
const page = list.data as components['schemas']['List'];
const keys: (string | undefined)[] = page.items.map(({ key }) => key);
must(keys[0] === path.key, 'list: ' + String(keys));
const batch = await client.POST('/v1/batch/{ns}', {
  params: { path: { ns } },
  body: { ops: [{ op: 'get', key: path.key }, { op: 'get', key: 'not there' }] },
});
must(batch.data?.results.map(({ status }) => status).join() === '200,404', 'batch');
const gone = await client.DELETE('/v1/kv/{ns}/{key}', { params: { path } });
must(gone.response.status === 204, 'delete: ' + gone.response.status);
const missing = await client.GET('/v1/kv/{ns}/{key}', { params: { path } });
must(missing.error?.type === 'urn:conit:problem:not-found', 'a problem');
const cluster = await client.GET('/v1/cluster');
must(cluster.data?.replicas.length === 3, 'cluster');
console.log('the client did what it says');
`;
writeFileSync(join(folder, 'client.ts'), CLIENT);
const run = (script, ...args) =>
  execFileSync(process.execPath, [join(folder, 'node_modules', script), ...args], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
run('openapi-typescript/bin/cli.js', file, '-o', join(folder, 'api.d.ts'));
const options =
  '--strict --target es2022 --module nodenext --skipLibCheck --types node --typeRoots';
writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
run(
  'typescript/bin/tsc',
  ...options.split(' '),
  join(folder, 'node_modules', '@types'),
  'client.ts',
);
execFileSync(process.execPath, [join(folder, 'client.js'), url], {
  stdio: ['ignore', 'inherit', 'inherit'],
});
console.log(`${errors} errors of the linter; a generated client compiles and works`);
process.exitCode = errors === 0 ? 0 : 1;
