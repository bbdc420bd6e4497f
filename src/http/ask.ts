// Asks the replica from a handler that awaits the reply.

import type { Command } from '../model/command.ts';
import type { ReplicaService } from '../model/port.ts';
import type { Client, Reply } from '../model/reply.ts';

export function ask(
  service: ReplicaService,
  commandFor: (client: Client) => Command,
  boundMs?: number,
): Promise<Reply> {
  return new Promise((resolve) => {
    service.submit(commandFor({ onReply: resolve, boundMs }));
  });
}
