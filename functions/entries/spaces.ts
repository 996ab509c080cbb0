// The Lambda of the context `spaces`: spaces, their people and instances, and what becomes of them.

import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { lambdaHandler } from '../http/lambda.ts';
import { retention } from '../retention.ts';
import { spaces } from '../spaces.ts';

export const handler = lambdaHandler([...spaces, ...retention], lambdaPorts());
