// Counts the connections of the server and of each address, and closes those beyond the limits when
// they arrive. It also closes connections whose client does not read its replies, if they wait for
// nothing else.

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { attachConnection, Connection, type Shared } from './connection.ts';
import type { HttpContext } from '../context.ts';
import { ReaderProgress } from './reader-progress.ts';
import { checkRegularly } from './regularly.ts';
import { createShed } from './shed.ts';
import { TurnMeter } from './turn-meter.ts';

interface Reader {
  readonly connection: Connection;
  readonly progress: ReaderProgress;
}

export function limitConnections(server: Server, context: HttpContext): void {
  const { limits, memory, admission } = context;
  const perAddress = new Map<string, number>();
  const turns = new TurnMeter((nowMs) => admission.onTurn(nowMs));
  const shared: Shared = { memory, admission, turns, shed: createShed(context), waiting: 0 };
  const open = new Map<Socket, Reader>();
  server.maxConnections = limits.connectionsMax;
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (perAddress.get(address) ?? 0) + 1;
    if (count > limits.connectionsPerAddressMax) {
      socket.destroy();
      return;
    }
    perAddress.set(address, count);
    const connection = new Connection(socket, shared);
    attachConnection(socket, connection);
    open.set(socket, { connection, progress: new ReaderProgress(socket) });
    // Node resumes reading with each reply.
    socket.on('resume', () => {
      if (connection.isPaused) socket.pause();
    });
    socket.once('close', () => {
      connection.close();
      open.delete(socket);
      forget(perAddress, address);
    });
  });
  checkRegularly(server, limits.connectionsCheckMs, (nowMs) => {
    for (const [socket, { connection, progress }] of open) {
      const isStalled = progress.stalledMs(nowMs) >= limits.stalledReplyMs;
      if (isStalled && connection.isIdle) socket.destroy();
    }
  });
}

function forget(perAddress: Map<string, number>, address: string): void {
  const count = (perAddress.get(address) ?? 1) - 1;
  if (count === 0) perAddress.delete(address);
  else perAddress.set(address, count);
}
