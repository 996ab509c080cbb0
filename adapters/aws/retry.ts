// Calls of AWS, tried again on purpose. The SDK's own retries are off (`maxAttempts: 1` in `open.ts`), for only the caller
// of a call knows what it means to make it twice. A call fails in one of three ways: it was turned away and changed
// nothing (throttling, a clash with another transaction); its answer was lost, so that nobody knows whether it was
// applied (a broken socket, a time-out, a 5xx); or it was answered with a no, which trying again does not change.
// Eight tries with full jitter take two seconds on average and four at most, well inside the 30 s of the HTTP API.

import { AppError } from '../../core/errors.ts';

const tries = 8;
const firstPauseMs = 25;
const longestPauseMs = 1_000;

export type Fault = 'turned-away' | 'lost' | 'final';

/** What the SDK's errors have in common, as far as it is looked at here. */
export interface AwsError {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly CancellationReasons?: readonly { readonly Code?: string; readonly Message?: string }[];
}

const turnedAway = new Set([
  // DynamoDB
  'ProvisionedThroughputExceededException',
  'ProvisionedThroughputExceeded',
  'RequestLimitExceeded',
  'ThrottlingException',
  'ThrottlingError',
  'TransactionConflict',
  'TransactionConflictException',
  'TransactionInProgressException',
  // S3
  'ConditionalRequestConflict',
  'OperationAborted',
  'SlowDown',
  // Step Functions and others
  'Throttling',
  'TooManyRequestsException',
]);

/** What Node calls a connection that ended too early, or never was. */
const brokenSocket = /^(ECONN|EPIPE|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|UND_ERR)/;
const timeouts = new Set(['TimeoutError', 'RequestTimeout', 'RequestTimeoutException']);

export const asAwsError = (error: unknown): AwsError =>
  typeof error === 'object' && error !== null ? (error as AwsError) : {};

export const statusOf = (error: unknown): number | undefined => asAwsError(error).$metadata?.httpStatusCode;

/** Why a transaction did not happen, write by write; `None` for the writes that were not to blame. */
export const reasonsOf = (error: unknown): readonly string[] =>
  (asAwsError(error).CancellationReasons ?? []).map(({ Code = 'None' }) => Code);

export function faultOf(error: unknown): Fault {
  const { name = '', code = '' } = asAwsError(error);
  if (name === 'TransactionCanceledException') {
    const blamed = reasonsOf(error).filter((reason) => reason !== 'None');
    return blamed.length > 0 && blamed.every((reason) => turnedAway.has(reason)) ? 'turned-away' : 'final';
  }
  if (turnedAway.has(name)) return 'turned-away';
  const status = statusOf(error);
  if (timeouts.has(name) || brokenSocket.test(code)) return 'lost';
  // A 2xx whose body cannot be read was cut short on its way.
  return status !== undefined && (status >= 500 || status < 300) ? 'lost' : 'final';
}

const pause = (nth: number): Promise<void> =>
  new Promise((resolve) =>
    setTimeout(resolve, Math.random() * Math.min(longestPauseMs, firstPauseMs * 2 ** nth)),
  );

const busy = (cause: unknown): AppError =>
  faultOf(cause) === 'lost'
    ? new AppError('busy', 'The store does not answer; whether the change was made is not known.', { cause })
    : new AppError('busy', 'The store takes no more at the moment. Nothing was changed; try again.', {
        cause,
      });

/** Makes a call until it is answered. `unsure` says that an earlier try may have been applied. */
export async function retrying<T>(call: (unsure: boolean) => Promise<T>): Promise<T> {
  let unsure = false;
  for (let nth = 1; ; nth++) {
    try {
      return await call(unsure);
    } catch (error) {
      const fault = faultOf(error);
      if (fault === 'final') throw error;
      if (nth === tries) throw busy(error);
      unsure ||= fault === 'lost';
      await pause(nth);
    }
  }
}

/** Sends work until none is left, for calls that take a part of it and hand back the rest. */
export async function untilTaken<T>(
  work: readonly T[],
  send: (work: readonly T[]) => Promise<readonly T[]>,
): Promise<void> {
  let idle = 0;
  for (let left = work; left.length > 0; ) {
    const rest = await retrying(() => send(left));
    if (rest.length === 0) return;
    idle = rest.length < left.length ? 1 : idle + 1;
    if (idle === tries) throw busy(undefined);
    left = rest;
    await pause(idle);
  }
}

export function chunksOf<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size));
  return chunks;
}
