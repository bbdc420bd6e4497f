// The least that a node:http server can do: GET answers a body of 100 bytes, PUT reads its body and
// answers 204. Its cost is the unit of the limits. The port is an argument.

import { createServer } from 'node:http';

const body = Buffer.alloc(100, 'x');
const headers = { 'content-type': 'application/octet-stream', 'content-length': body.length };

createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, headers);
    response.end(body);
    return;
  }
  request.resume();
  request.on('end', () => {
    response.writeHead(204);
    response.end();
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
