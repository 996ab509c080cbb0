// The steps of `reclaim.asl.json`, by the names its Resources use. Each is a Lambda on AWS.

import * as z from 'zod';
import { isCode } from '../core/errors.ts';
import { expire } from '../core/ops/expire.ts';
import { markForReclaim } from '../core/ops/mark.ts';
import { endReclaim, noteError } from '../core/ops/reclaim.ts';
import { sweepChunk } from '../core/ops/sweep.ts';
import { Damaged } from './damaged.ts';
import type { Steps } from './steps.ts';

const failure = z.object({ Error: z.string(), Cause: z.string().optional() });
const whole = z.object({ reclaim: z.string() });
const oneChunk = whole.extend({ chunk: z.int() });

export const reclaimSteps: Steps = {
  reclaimExpire: async (ports) => {
    await expire(ports);
    return {};
  },
  reclaimMark: async (ports, input) => {
    const { reclaim } = whole.parse(input);
    try {
      return await markForReclaim(ports, reclaim);
    } catch (error) {
      await noteError(ports, reclaim, error);
      throw isCode(error, 'damaged') ? new Damaged(error.message) : error;
    }
  },
  reclaimSweep: async (ports, input) => {
    const { reclaim, chunk } = oneChunk.parse(input);
    await sweepChunk(ports, reclaim, chunk);
    return {};
  },
  reclaimFinish: async (ports, input) => {
    await endReclaim(ports, whole.parse(input).reclaim, 'completed');
    return {};
  },
  reclaimGiveUp: async (ports, input) => {
    const { reclaim, failure: reason } = whole.extend({ failure }).parse(input);
    await endReclaim(ports, reclaim, 'failed', reason.Error);
    return {};
  },
};
