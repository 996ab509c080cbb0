// The step of `assignment.asl.json`.

import * as z from 'zod';
import { actOnDates } from '../core/ops/deadlines.ts';
import type { Steps } from './steps.ts';

const timer = z.object({ assignment: z.string(), generation: z.int(), once: z.boolean().optional() });

export const assignmentSteps: Steps = {
  assignmentLook: (ports, input) => {
    const { assignment, generation, once } = timer.parse(input);
    return actOnDates(ports, assignment, generation, once);
  },
};
