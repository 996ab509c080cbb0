// The Lambdas of the steps of `reclaim.asl.json`: one bundle, one handler a step.

import { openEvents } from '../../adapters/aws/events.ts';
import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { onLambda } from '../lambda.ts';
import { reclaimSteps } from '../reclaim.ts';

export const { reclaimExpire, reclaimMark, reclaimSweep, reclaimFinish, reclaimGiveUp } = onLambda(
  reclaimSteps,
  lambdaPorts({ events: openEvents }),
);
