// The Lambdas of the steps of `fsck.asl.json`: one bundle, one handler a step.

import { openEvents } from '../../adapters/aws/events.ts';
import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { fsckSteps } from '../fsck.ts';
import { onLambda } from '../lambda.ts';

export const { fsckList, fsckCheck, fsckConclude } = onLambda(fsckSteps, lambdaPorts({ events: openEvents }));
