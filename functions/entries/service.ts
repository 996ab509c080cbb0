// The Lambda of the context `service`. It describes every endpoint, and so brings the declarations of all.

import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { lambdaHandler } from '../http/lambda.ts';
import { routes } from '../routes.ts';

export const handler = lambdaHandler(routes.service, lambdaPorts());
