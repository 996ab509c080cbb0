// The Lambda of the context `storage`: what holds every byte, and giving back what nothing holds.

import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { lambdaHandler } from '../http/lambda.ts';
import { reclaims } from '../reclaims.ts';
import { storage } from '../storage.ts';

export const handler = lambdaHandler([...storage, ...reclaims], lambdaPorts());
