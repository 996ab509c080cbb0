// Every workflow: its text in the Amazon States Language and the steps it calls. The same texts are deployed on AWS.

import assignment from './assignment.asl.json' with { type: 'json' };
import { assignmentSteps } from './assignment.ts';
import distribute from './distribute.asl.json' with { type: 'json' };
import { distributeSteps } from './distribute.ts';
import fsck from './fsck.asl.json' with { type: 'json' };
import { fsckSteps } from './fsck.ts';
import reclaim from './reclaim.asl.json' with { type: 'json' };
import { reclaimSteps } from './reclaim.ts';
import type { Steps } from './steps.ts';

export interface Workflow {
  readonly asl: object;
  readonly steps: Steps;
}

export const workflows = {
  assignment: { asl: assignment, steps: assignmentSteps },
  distribute: { asl: distribute, steps: distributeSteps },
  fsck: { asl: fsck, steps: fsckSteps },
  reclaim: { asl: reclaim, steps: reclaimSteps },
} as const satisfies Readonly<Record<string, Workflow>>;
