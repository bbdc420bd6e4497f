// Why a data directory cannot be used. The message says what was found and what to do about it;
// programs use the code. These errors describe the state of the disk; they are never bugs.

export type DataErrorCode =
  /** Another process has the data open. */
  | 'locked'
  /** There is no database where one is expected. */
  | 'missing'
  /** There is already a database where a new one is to be made. */
  | 'exists'
  /** The database reports damage. */
  | 'damaged'
  /** The file system returned an error. */
  | 'io'
  /** There is data without an identity. */
  | 'identity-missing'
  | 'identity-damaged'
  /** The identity was written by a version that this program does not support. */
  | 'identity-format'
  | 'other-cluster'
  | 'other-replica'
  /** Every user of the machine may write the directory. */
  | 'exposed'
  /** The replica was removed from the cluster; its data must not be served again. */
  | 'forgotten'
  /** The policies do not allow the members that the cluster has agreed on. */
  | 'unfit'
  /** All incarnation numbers have been used. */
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

/** True if the stored data cannot be used, and a restart would find it unchanged. */
export function isDamage({ code }: DataError): boolean {
  return DAMAGE.includes(code);
}

/** The text of an error, in one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s+/g, ' ').trim();
}
