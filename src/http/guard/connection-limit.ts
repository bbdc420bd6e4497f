// Counts the connections of the server and of each address, and closes those beyond the limits as
// they arrive. It also gives up replies that the client does not read: those on a socket that was
// silent for long and waits for no replica.

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { attachConnection, Connection, connectionOf, type Shared } from './connection.ts';
import type { HttpContext } from '../context.ts';
import { createShed } from './shed.ts';
import { TurnMeter } from './turn-meter.ts';

export function limitConnections(server: Server, context: HttpContext): void {
  const { limits, memory, admission } = context;
  const perAddress = new Map<string, number>();
  const turns = new TurnMeter((nowMs) => admission.onTurn(nowMs));
  const shared: Shared = { memory, admission, turns, shed: createShed(context), waiting: 0 };
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
    // Node continues to read with each reply.
    socket.on('resume', () => {
      if (connection.isPaused) socket.pause();
    });
    socket.once('close', () => {
      connection.close();
      forget(perAddress, address);
    });
  });
  server.setTimeout(limits.stalledReplyMs, (socket: Socket) => {
    if (connectionOf(socket)?.isIdle !== false) socket.destroy();
  });
}

function forget(perAddress: Map<string, number>, address: string): void {
  const count = (perAddress.get(address) ?? 1) - 1;
  if (count === 0) perAddress.delete(address);
  else perAddress.set(address, count);
}
