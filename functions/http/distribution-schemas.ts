// The shapes of stages, plans and distributions.

import * as z from 'zod';
import { distributionStatuses, targetStatuses } from '../../core/model/distribution.ts';
import { outcomes } from '../../core/model/strategy.ts';
import {
  counts,
  kind,
  listOf,
  stageItems,
  state,
  strategiesGiven,
  strategiesWanted,
  time,
} from './schemas.ts';

export const stageView = z.object({ items: stageItems });

export const distributionView = z.looseObject({
  id: z.string(),
  kind: z.enum(['distribution', 'recall', 'undo']),
  status: z.enum(distributionStatuses),
  spaceId: z.string(),
  order: z.int(),
  progress: z.object({ total: z.int(), done: z.int(), failed: z.int() }),
  totals: counts,
  payload: z.object({ entries: z.int(), bytes: z.int() }).optional(),
  createdAt: time,
  createdBy: z.string(),
});

export const targetView = z.object({
  instanceId: z.string(),
  status: z.enum(targetStatuses),
  counts,
  exceptions: z.array(
    z.object({ kind, path: z.string(), outcome: z.enum(outcomes), renamedTo: z.string().optional() }),
  ),
  exceptionsOmitted: z.int().optional().describe('How many more there are'),
  error: z.string().optional(),
});

export const source = z.union([
  z.strictObject({ instance: z.string(), stage: z.literal(true) }),
  z.strictObject({ instance: z.string(), items: stageItems }),
  z.strictObject({ instance: z.string(), state }),
]);

export const targets = z.union([
  z.strictObject({ all: z.literal(true) }),
  z.strictObject({ instances: z.array(z.string()).max(1_000) }),
  z.strictObject({ group: z.string() }),
]);

export const options = {
  safetySnapshots: z.boolean().default(true),
  message: z.string().max(1_000).optional(),
};
export const wantedShape = { source, targets, strategy: strategiesWanted };
/** With a plan the rest may be left out; what is given must agree with it. */
export const followedPlan = z.strictObject({
  plan: z.string(),
  source: source.optional(),
  targets: targets.optional(),
  strategy: strategiesGiven.optional(),
  ...options,
});
export const planWanted = z.strictObject({ ...wantedShape, ...options });
export const distributionWanted = z.union([planWanted, followedPlan]);

export const asSource = (wanted: z.output<typeof source>) =>
  'state' in wanted
    ? { instance: wanted.instance, items: [{ all: true as const, state: wanted.state }] }
    : wanted;

export const planView = z.object({
  id: z.string(),
  totals: counts,
  conflicts: z.array(
    z.object({
      kind,
      path: z.string(),
      outcome: z.enum(outcomes),
      targets: z.int(),
      instanceIds: z.array(z.string()),
    }),
  ),
  targets: listOf(targetView),
  createdAt: time,
});
