// What the clock asks for, every few minutes: on AWS a schedule, on one machine a timer.

import type { Ports } from '../ports.ts';
import { relaunch } from './launch.ts';
import { reclaimWhenDue } from './reclaim.ts';

const daySeconds = 24 * 60 * 60;
const weekMs = 7 * daySeconds * 1_000;

export const fsckWorkflow = 'fsck';

/** Starts what was accepted and never started, once a day a reclaim, once a week a look at everything stored. */
export async function tick(ports: Ports): Promise<void> {
  const launched = await relaunch(ports);
  if (launched > 0) console.warn(`Started ${launched} that were accepted and never started.`);
  const reclaim = await reclaimWhenDue(ports, daySeconds);
  if (reclaim) console.info(`Started the daily reclaim ${reclaim.id}.`);
  const week = Math.floor(ports.now() / weekMs);
  // The same id again starts nothing.
  await ports.workflows.start(fsckWorkflow, `week-${week}`, { week });
}
