// The Lambda of the context `snapshots`: snapshots, and what storage they and all else take.

import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { lambdaHandler } from '../http/lambda.ts';
import { snapshots } from '../snapshots.ts';
import { storage } from '../storage.ts';

export const handler = lambdaHandler([...snapshots, ...storage], lambdaPorts());
