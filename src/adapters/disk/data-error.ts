// Why a data directory cannot be used. The message says what was found and what to do about it; the code is for
// programs. These are answers to what is on the disk, never bugs.

export type DataErrorCode =
  /** Another process has the data open. */
  | 'locked'
  /** There is no database where one is expected. */
  | 'missing'
  /** There is a database where a new one is to be made. */
  | 'exists'
  /** The database says that it is damaged. */
  | 'damaged'
  /** The file system refused. */
  | 'io'
  /** There is data without an identity. */
  | 'identity-missing'
  | 'identity-damaged'
  /** The identity was written by a version that this one does not know. */
  | 'identity-format'
  | 'other-cluster'
  | 'other-replica'
  /** Every user of the machine may write it. */
  | 'exposed'
  /** The replica is no member any more; its data must not serve again. */
  | 'forgotten'
  /** The policies do not allow the members that were agreed upon. */
  | 'unfit'
  /** Every incarnation number has been used. */
  | 'incarnations-exhausted';

export class DataError extends Error {
  override readonly name = 'DataError';
  readonly code: DataErrorCode;

  constructor(code: DataErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

const DAMAGE: readonly DataErrorCode[] = [
  'damaged',
  'identity-missing',
  'identity-damaged',
  'incarnations-exhausted',
];

/** What is stored cannot be used, and a restart would find the same. */
export function isDamage({ code }: DataError): boolean {
  return DAMAGE.includes(code);
}

/** What an error says, in one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s+/g, ' ').trim();
}
