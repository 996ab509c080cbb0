// The Lambda of the context `snapshots`.

import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { lambdaHandler } from '../http/lambda.ts';
import { snapshots } from '../snapshots.ts';

export const handler = lambdaHandler(snapshots, lambdaPorts());
