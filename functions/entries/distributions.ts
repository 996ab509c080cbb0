// The Lambda of the context `distributions`: stages, plans and distributions.

import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { distributions } from '../distributions.ts';
import { lambdaHandler } from '../http/lambda.ts';
import { plans } from '../plans.ts';
import { stage } from '../stage.ts';

export const handler = lambdaHandler([...stage, ...plans, ...distributions], lambdaPorts());
