// List prices of AWS in us-east-1, in dollars, before any free tier. Read from price pages in 2026; other regions differ by
// some per cent. What the numbers multiply is counted by `meter.ts`.

const million = 1_000_000;
const GB = 1_000_000_000;

export const prices = {
  /** A write request unit of DynamoDB on demand: 1 KiB written once; within a transaction everything counts twice. */
  writeUnit: 0.625 / million,
  /** A read request unit: 4 KiB read strongly; an eventually consistent read is half of one. */
  readUnit: 0.125 / million,
  /** Of tables, a month; point-in-time recovery keeps as much again. */
  tableByteMonth: (0.25 + 0.2) / GB,
  /** PUT, COPY and LIST of S3. */
  put: 0.005 / 1_000,
  get: 0.0004 / 1_000,
  bucketByteMonth: 0.023 / GB,
  /** To the internet. */
  egressByte: 0.09 / GB,
  /** Of Step Functions, Standard. */
  transition: 0.025 / 1_000,
  /** Of the HTTP API: each 512 KiB of a request or its answer count as one. */
  request: 1 / million,
  invocation: 0.2 / million,
  /** A GB of memory for a second, on arm64. */
  gigabyteSecond: 0.0000133334,
  event: 1 / million,
  logByte: 0.5 / GB,
  /** An asymmetric signature of KMS on an elliptic curve. */
  signature: 0.15 / 10_000,
} as const;

/** What a tenant costs a month with nobody there. */
export const fixed = {
  receiptsKey: 1,
  /** Six alarms; a dashboard costs $3 beyond the first three of an account. */
  alarms: 6 * 0.1,
  dashboard: 3,
  /** The function `relaunch`, every five minutes. */
  relaunch: 30 * 24 * 12 * (prices.invocation + 0.25 * 0.05 * prices.gigabyteSecond + 2 * prices.readUnit),
} as const;

/**
 * What is not counted but taken to be so. The time that a Lambda is paid for is mostly waiting for its calls, so it
 * follows from them: one after the other in a request, 32 at a time in a step, which also has work of its own.
 */
export const assumed = {
  callMs: 6,
  requestOverheadMs: 10,
  requestMemoryGB: 1,
  stepOverheadMs: 200,
  stepCallsAtOnce: 32,
  stepWorkMsPerCall: 0.3,
  stepMemoryGB: 1.77,
  /** A line of the access log. */
  logBytesPerRequest: 350,
  /** Entered, scheduled, started, succeeded, exited: with input and output. */
  logBytesPerTransition: 6_000,
  semesterMonths: 4,
  /** Lambdas that work on a distribution at the same time, each with a cache of pages of its own. */
  stepsAtOnce: 10,
} as const;
