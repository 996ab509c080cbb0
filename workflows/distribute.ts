// The steps of `distribute.asl.json`, by the names its Resources use. Each is a Lambda on AWS.

import * as z from 'zod';
import {
  applyBatch,
  failBatch,
  failDistribution,
  finishDistribution,
  prepareDistribution,
} from '../core/ops/distribute.ts';
import type { Steps } from './steps.ts';

const failure = z.object({ Error: z.string(), Cause: z.string().optional() });
const whole = z.object({ distribution: z.string() });
const oneBatch = whole.extend({ batch: z.int() });

export const distributeSteps: Steps = {
  distributePrepare: (ports, input) => prepareDistribution(ports, whole.parse(input).distribution),
  distributeBatch: (ports, input) => {
    const { distribution, batch } = oneBatch.parse(input);
    return applyBatch(ports, distribution, batch);
  },
  distributeFailBatch: async (ports, input) => {
    const { distribution, batch, failure: reason } = oneBatch.extend({ failure }).parse(input);
    await failBatch(ports, distribution, batch, reason.Error);
    return {};
  },
  distributeFinish: async (ports, input) => {
    await finishDistribution(ports, whole.parse(input).distribution);
    return {};
  },
  distributeGiveUp: async (ports, input) => {
    const { distribution, failure: reason } = whole.extend({ failure }).parse(input);
    await failDistribution(ports, distribution, reason.Error);
    return {};
  },
};
