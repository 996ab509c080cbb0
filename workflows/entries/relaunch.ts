// The Lambda that starts, every few minutes, what was accepted and never started: a crash may come between the two.

import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { relaunch } from '../../core/ops/launch.ts';

const ports = lambdaPorts();

export async function handler(): Promise<void> {
  const launched = await relaunch(ports);
  if (launched > 0) console.warn(`Started ${launched} that were accepted and never started.`);
}
