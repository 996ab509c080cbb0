// Every failure the backend reports on purpose. A code is part of the contract: its wording may change, the code may not.
// Expected outcomes (a merge conflict, a late hand-in) are return values, never errors.

/** What each code means; `kind` decides the HTTP status in `functions/http/problem.ts`. */
export const codes = {
  'bad-input': { kind: 'invalid', title: 'The request is not well formed' },
  'bad-path': { kind: 'invalid', title: 'That is not a path that can be stored' },
  'bad-table': { kind: 'invalid', title: 'The table data cannot be read' },
  'checksum-mismatch': { kind: 'invalid', title: 'The bytes do not match their checksum' },
  'not-signed-in': { kind: 'unauthenticated', title: 'A valid bearer token is needed' },
  forbidden: { kind: 'forbidden', title: 'You may see this, but not do that' },
  'not-found': { kind: 'not-found', title: 'There is no such thing here' },
  conflict: { kind: 'conflict', title: 'The request clashes with what is there' },
  /** A refusal, where `conflict` may be a race that is worth another try. */
  'not-now': { kind: 'conflict', title: 'That cannot be done as things stand' },
  busy: { kind: 'throttled', title: 'Too many writers at once; try again shortly' },
  held: { kind: 'conflict', title: 'Something still needs this' },
  gone: { kind: 'gone', title: 'That state is no longer kept' },
  moved: { kind: 'precondition', title: 'The state has moved since you read it' },
  'too-large': { kind: 'too-large', title: 'That is larger than this call takes' },
  'over-quota': { kind: 'too-large', title: 'The instance may not hold that much' },
  'bad-range': { kind: 'range', title: 'The range lies outside the file' },
  impossible: { kind: 'impossible', title: 'The request is understood, but cannot be done' },
  'key-reused': { kind: 'impossible', title: 'This Idempotency-Key was used with another body' },
  damaged: { kind: 'internal', title: 'Stored data failed its check' },
} as const;

export type ErrorCode = keyof typeof codes;
export type ErrorKind = (typeof codes)[ErrorCode]['kind'];

/** One fault in the input: where it is (a JSON pointer, or a header's or parameter's name) and what to do. */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

export interface ErrorData {
  readonly errors?: readonly FieldError[];
  /** Further members of the problem document: holds, what is missing, the effective date. */
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class AppError extends Error {
  readonly code: ErrorCode;
  readonly data: ErrorData;

  constructor(code: ErrorCode, detail: string, data: ErrorData = {}) {
    super(detail, data.cause === undefined ? undefined : { cause: data.cause });
    this.name = 'AppError';
    this.code = code;
    this.data = data;
  }
}

/** Bad input at one field. */
export const badInput = (pointer: string, detail: string, code: ErrorCode = 'bad-input'): AppError =>
  new AppError(code, detail, { errors: [{ pointer, detail }] });

export const notFound = (what: string): AppError => new AppError('not-found', `There is no ${what} here.`);

export const isCode = (error: unknown, code: ErrorCode): error is AppError =>
  error instanceof AppError && error.code === code;

/** For mistakes of ours: what must hold here, whatever the input was. */
export function invariant(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${what}`);
}
