// From units to dollars, by what AWS puts on the bill.

import type { Units } from './meter.ts';
import { assumed, prices } from './prices.ts';

export const lines = [
  'DynamoDB writes',
  'DynamoDB reads',
  'S3',
  'Step Functions',
  'Lambda',
  'HTTP API',
  'events, receipts, logs',
  'egress',
] as const;
export type Bill = Readonly<Record<(typeof lines)[number], number>>;

/** The seconds of a Lambda that answers a request, and of one that runs a step, for so many calls in all. */
const requestSeconds = ({ requests, calls }: Units): number =>
  (requests * assumed.requestOverheadMs + calls * assumed.callMs) / 1_000;
const stepSeconds = ({ stepRuns, calls }: Units): number =>
  (stepRuns * assumed.stepOverheadMs +
    calls * (assumed.callMs / assumed.stepCallsAtOnce + assumed.stepWorkMsPerCall)) /
  1_000;

/** `calls` are made by steps if any ran, else by requests. */
export function billOf(units: Units): Bill {
  const gigabyteSeconds =
    units.stepRuns > 0
      ? stepSeconds(units) * assumed.stepMemoryGB
      : requestSeconds(units) * assumed.requestMemoryGB;
  const logBytes =
    units.requests * assumed.logBytesPerRequest + units.transitions * assumed.logBytesPerTransition;
  return {
    'DynamoDB writes': (units.recordWrites + units.pageWrites) * prices.writeUnit,
    'DynamoDB reads': (units.recordReads + units.pageReads) * prices.readUnit,
    S3: units.puts * prices.put + units.gets * prices.get,
    'Step Functions': units.transitions * prices.transition,
    Lambda: gigabyteSeconds * prices.gigabyteSecond + (units.requests + units.stepRuns) * prices.invocation,
    'HTTP API': units.requests * prices.request,
    'events, receipts, logs':
      units.events * prices.event + units.signatures * prices.signature + logBytes * prices.logByte,
    egress: units.sentBytes * prices.egressByte,
  };
}

export const addBills = (bills: readonly Bill[]): Bill =>
  Object.fromEntries(lines.map((line) => [line, bills.reduce((sum, bill) => sum + bill[line], 0)])) as Bill;
export const totalOf = (bill: Bill): number => lines.reduce((sum, line) => sum + bill[line], 0);

/** What keeping what was written costs a month. */
export const storageOf = ({ recordBytes, pageBytes, blobBytes }: Units): number =>
  (recordBytes + pageBytes) * prices.tableByteMonth + blobBytes * prices.bucketByteMonth;
