// The exit codes of all commands, so that scripts know what happened without reading text.

export const EXIT = {
  ok: 0,
  no: 1,
  usage: 2,
  unavailable: 3,
  unknown: 4,
  denied: 5,
  forgotten: 6,
  damaged: 65,
  halted: 70,
  output: 74,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_HELP = `Exit codes:
  0   done
  1   no: not found, a precondition does not hold, or damage was found
  2   usage: an argument, a setting or a request is not acceptable
  3   unavailable: nothing happened, trying again can help
  4   outcome unknown: a write may or may not have happened
  5   not allowed: the token is missing or may not do this
  6   forgotten: this replica is no longer a member of its cluster
  65  damaged: the stored data is damaged; a restart does not help
  70  the replica stopped itself rather than risk a wrong answer
  74  the output could not be written; the command itself may have succeeded
  130 ended before it had stopped in order`;

/** Ends a command with a message for its user. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exit: ExitCode;

  constructor(exit: ExitCode, message: string) {
    super(message);
    this.exit = exit;
  }
}
