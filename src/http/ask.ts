// Asks the replica from a handler that awaits: a command with a client of its own, whose reply is the promise.

import type { Client, Command, Reply } from '../model/command.ts';
import type { ReplicaService } from '../model/port.ts';

/** `commandFor` makes the command for the client that waits. */
export function ask(
  service: ReplicaService,
  commandFor: (client: Client) => Command,
): Promise<Reply> {
  return new Promise((resolve) => {
    service.submit(commandFor({ onReply: resolve }));
  });
}
