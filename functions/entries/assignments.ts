// The Lambda of the context `assignments`: assignments and hand-ins.

import { openEvents } from '../../adapters/aws/events.ts';
import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { openReceipts } from '../../adapters/aws/receipts.ts';
import { assignments } from '../assignments.ts';
import { handIns } from '../hand-ins.ts';
import { lambdaHandler } from '../http/lambda.ts';

export const handler = lambdaHandler(
  [...assignments, ...handIns],
  lambdaPorts({ events: openEvents, receipts: openReceipts }),
);
