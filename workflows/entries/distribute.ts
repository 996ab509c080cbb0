// The Lambdas of the steps of `distribute.asl.json`: one bundle, one handler a step.

import { openEvents } from '../../adapters/aws/events.ts';
import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { distributeSteps } from '../distribute.ts';
import { onLambda } from '../lambda.ts';

export const { distributePrepare, distributeBatch, distributeFailBatch, distributeFinish, distributeGiveUp } =
  onLambda(distributeSteps, lambdaPorts({ events: openEvents }));
