// The Lambda of the clock, every few minutes: starts what was accepted and does not run, and once a day a reclaim.

import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { relaunch } from '../../core/ops/launch.ts';
import { reclaimWhenDue } from '../../core/ops/reclaim.ts';

const ports = lambdaPorts();
const daySeconds = 24 * 60 * 60;

export async function handler(): Promise<void> {
  const launched = await relaunch(ports);
  if (launched > 0) console.warn(`Started ${launched} that were accepted and did not run.`);
  const reclaim = await reclaimWhenDue(ports, daySeconds);
  if (reclaim) console.info(`Started the daily reclaim ${reclaim.id}.`);
}
