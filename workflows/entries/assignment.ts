// The Lambda of the step of `assignment.asl.json`.

import { openEvents } from '../../adapters/aws/events.ts';
import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { assignmentSteps } from '../assignment.ts';
import { onLambda } from '../lambda.ts';

export const { assignmentLook } = onLambda(assignmentSteps, lambdaPorts({ events: openEvents }));
