// The Lambda of the context `spaces`.

import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { lambdaHandler } from '../http/lambda.ts';
import { spaces } from '../spaces.ts';

export const handler = lambdaHandler(spaces, lambdaPorts());
