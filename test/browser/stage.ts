// The server of the pages and of their reports: an HTTP server for every host name, and for
// rebinding a listener at the port of the replica on another address of this machine, which first
// serves a page and later leads to the replica.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createListener,
  type Server,
  type Socket,
} from 'node:net';

type Outcomes = { readonly [attempt: string]: string };

export class Stage {
  port = 0;
  readonly #pages = new Map<string, string>();
  readonly #reports = new Map<string, Outcomes>();
  readonly #waiting = new Map<string, (outcomes: Outcomes) => void>();
  readonly #server = createServer((request, response) => this.#answer(request, response));
  #stand: Server | undefined;

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.port = (this.#server.address() as AddressInfo).port;
    return this.port;
  }

  show(path: string, page: string): void {
    this.#pages.set(path, page);
  }

  /** The report of the page with this name. */
  report(name: string): Promise<Outcomes> {
    const told = this.#reports.get(name);
    if (told !== undefined) return Promise.resolve(told);
    return new Promise((resolve) => this.#waiting.set(name, resolve));
  }

  /**
   * Serves `page` at 127.0.0.2 until it requests `/switch`; from then on that address leads to the
   * replica. The first bytes of a connection decide which it is: browsers open connections before
   * they have a request.
   */
  async stand(port: number, page: string): Promise<boolean> {
    let isSwitched = false;
    const stand = createListener((socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', (bytes) => {
        if (isSwitched) return leadOn(socket, bytes, port);
        isSwitched = bytes.toString('latin1').startsWith('GET /switch');
        const head = `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${page.length}`;
        socket.end(`${head}\r\nConnection: close\r\n\r\n${page}`);
      });
    });
    this.#stand = stand;
    return new Promise((resolve) => {
      stand.once('error', () => resolve(false));
      stand.listen(port, '127.0.0.2', () => resolve(true));
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#stand?.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    if (path.startsWith('/report/'))
      return this.#take(path.slice('/report/'.length), request, response);
    const page = this.#pages.get(path);
    response.writeHead(page === undefined ? 404 : 200, { 'Content-Type': 'text/html' });
    response.end(page ?? '');
  }

  #take(name: string, request: IncomingMessage, response: ServerResponse): void {
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => (text += part));
    request.on('end', () => {
      const outcomes = JSON.parse(text) as Outcomes;
      this.#reports.set(name, outcomes);
      this.#waiting.get(name)?.(outcomes);
      response.writeHead(204, { 'Access-Control-Allow-Origin': '*' });
      response.end();
    });
  }
}

/** Joins `socket`, of which `first` was read, to the replica at `port`. */
function leadOn(socket: Socket, first: Buffer, port: number): void {
  const replica = connect(port, '127.0.0.1');
  replica.on('error', () => socket.destroy());
  replica.write(first);
  socket.pipe(replica).pipe(socket);
}
