// The stage, and distributions.

import { z } from 'zod';
import { distributionStatuses } from '../core/model/distribution.ts';
import { outcomes } from '../core/model/strategy.ts';
import type { Call } from '../core/ops/call.ts';
import {
  type DistributionView,
  getDistribution,
  listDistributions,
  listTargets,
  viewDistribution,
} from '../core/ops/distribution-views.ts';
import { acceptDistribution } from '../core/ops/distributions.ts';
import { clearStage, getStage, putStage } from '../core/ops/stage.ts';
import { digestOf } from '../core/tree/digest.ts';
import { type Answer, accepted, type Endpoint, endpoint, noContent, ok } from './http/endpoint.ts';
import {
  asPage,
  counts,
  fromCursor,
  kind,
  listOf,
  page,
  pageShape,
  quoted,
  stageItems,
  state,
  strategiesWanted,
  time,
  toCursor,
  toStrategies,
} from './http/schemas.ts';

const stageView = z.object({ items: stageItems });

const distributionView = z.object({
  id: z.string(),
  kind: z.enum(['distribution', 'recall', 'undo']),
  status: z.enum(distributionStatuses),
  spaceId: z.string(),
  order: z.int(),
  progress: z.object({ total: z.int(), done: z.int(), failed: z.int() }),
  totals: counts,
  payload: z.object({ entries: z.int(), bytes: z.int() }),
  createdAt: time,
  createdBy: z.string(),
});

const targetView = z.object({
  instanceId: z.string(),
  status: z.enum(['pending', 'done', 'failed']),
  counts,
  exceptions: z.array(
    z.object({ kind, path: z.string(), outcome: z.enum(outcomes), renamedTo: z.string().optional() }),
  ),
  error: z.string().optional(),
});

const source = z.union([
  z.strictObject({ instance: z.string(), stage: z.literal(true) }),
  z.strictObject({ instance: z.string(), items: stageItems }),
  z.strictObject({ instance: z.string(), state }),
]);

const targets = z.union([
  z.strictObject({ all: z.literal(true) }),
  z.strictObject({ instances: z.array(z.string()).max(1_000) }),
  z.strictObject({ group: z.string() }),
]);

const distributionWanted = z.strictObject({
  source,
  targets,
  strategy: strategiesWanted,
  safetySnapshots: z.boolean().default(true),
  message: z.string().max(1_000).optional(),
});

const asSource = (wanted: z.output<typeof source>) =>
  'state' in wanted
    ? { instance: wanted.instance, items: [{ all: true as const, state: wanted.state }] }
    : wanted;

const longestWaitSeconds = 20;
const pollMs = 150;

/** Answers when the distribution looks different from what the caller has, or 304 when the time is over. */
async function whenMoved(
  call: Call,
  id: string,
  known: string | undefined,
  waitSeconds: number,
): Promise<Answer> {
  const until = performance.now() + waitSeconds * 1_000;
  for (;;) {
    const view: DistributionView = await viewDistribution(call, await getDistribution(call.ports, id));
    const etag = quoted(digestOf(JSON.stringify(view)));
    if (etag !== known) return ok(view, { etag });
    if (performance.now() >= until) return { status: 304, headers: { etag } };
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

export const distributions: readonly Endpoint[] = [
  endpoint({
    name: 'getStage',
    summary: "The caller's stage of an instance",
    method: 'GET',
    path: '/v1/instances/{instance}/stage',
    action: 'instance.stage',
    answers: { 200: stageView },
    handle: async ({ call, thing }) => ok({ items: await getStage(call, thing.id) }),
  }),
  endpoint({
    name: 'putStage',
    summary: "Replace the caller's stage",
    method: 'PUT',
    path: '/v1/instances/{instance}/stage',
    action: 'instance.stage',
    body: z.strictObject({ items: stageItems }),
    answers: { 200: stageView },
    handle: async ({ call, thing, body }) => {
      await putStage(call, thing.id, body.items);
      return ok({ items: body.items });
    },
  }),
  endpoint({
    name: 'clearStage',
    summary: "Empty the caller's stage",
    method: 'DELETE',
    path: '/v1/instances/{instance}/stage',
    action: 'instance.stage',
    answers: { 204: 'The stage is empty' },
    handle: async ({ call, thing }) => {
      await clearStage(call, thing.id);
      return noContent;
    },
  }),
  endpoint({
    name: 'distribute',
    summary: 'Give what was staged to one, some or all',
    method: 'POST',
    path: '/v1/distributions',
    action: 'service.use',
    body: distributionWanted,
    answers: { 202: distributionView },
    handle: async ({ call, body: { strategy, ...wanted } }) =>
      accepted(
        await acceptDistribution(call, {
          ...wanted,
          source: asSource(wanted.source),
          strategies: toStrategies(strategy),
        }),
      ),
  }),
  endpoint({
    name: 'getDistribution',
    summary: 'How far a distribution is; with `wait` and `If-None-Match`, once it moves',
    method: 'GET',
    path: '/v1/distributions/{distribution}',
    action: 'distribution.see',
    query: z.strictObject({ wait: z.coerce.number().min(0).optional() }),
    answers: { 200: distributionView, 304: 'It has not moved' },
    handle: async ({ call, thing, query, headers }) =>
      whenMoved(call, thing.id, headers['if-none-match'], Math.min(query.wait ?? 0, longestWaitSeconds)),
  }),
  endpoint({
    name: 'listTargets',
    summary: 'What happened at each target',
    method: 'GET',
    path: '/v1/distributions/{distribution}/targets',
    action: 'distribution.see',
    query: z.strictObject({ ...pageShape, status: z.enum(['pending', 'done', 'failed']).optional() }),
    answers: { 200: listOf(targetView) },
    handle: async ({ call, thing, query: { status, limit, cursor } }) => {
      const { items, next } = await listTargets(call, thing, status, Number(fromCursor(cursor) ?? 0), limit);
      return ok({ items, next: toCursor(next) });
    },
  }),
  endpoint({
    name: 'listDistributions',
    summary: 'The distributions of a space, newest first',
    method: 'GET',
    path: '/v1/spaces/{space}/distributions',
    action: 'space.list-distributions',
    query: page,
    answers: { 200: listOf(distributionView) },
    handle: async ({ call, thing, query: { limit, cursor } }) => {
      const position = fromCursor(cursor);
      const before = position === undefined ? undefined : Number(position);
      return ok(
        asPage(await listDistributions(call, thing.id, before, limit), limit, ({ order }) => String(order)),
      );
    },
  }),
];
