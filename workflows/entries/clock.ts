// The Lambda of the clock, every few minutes.

import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { tick } from '../../core/ops/clock.ts';

const ports = lambdaPorts();

export const handler = (): Promise<void> => tick(ports);
