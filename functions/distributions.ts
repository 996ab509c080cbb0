// Distributions, recalls and undos: asking for them, and seeing how they go.

import * as z from 'zod';
import { recallAudiences, targetStatuses } from '../core/model/distribution.ts';
import {
  getDistribution,
  listDistributions,
  listTargets,
  viewDistribution,
} from '../core/ops/distribution-views.ts';
import {
  acceptCancel,
  acceptDistribution,
  acceptPlan,
  acceptRecall,
  acceptRetry,
  acceptUndo,
} from '../core/ops/distributions.ts';
import {
  asSource,
  distributionView,
  distributionWanted,
  options,
  targetView,
} from './http/distribution-schemas.ts';
import { accepted, type Endpoint, endpoint, ok } from './http/endpoint.ts';
import {
  fromCountingCursor,
  listOf,
  page,
  pageShape,
  selectors,
  toCursor,
  toStrategies,
} from './http/schemas.ts';
import { whenMoved } from './http/when-moved.ts';

export const distributions: readonly Endpoint[] = [
  endpoint({
    name: 'distribute',
    summary: 'Give what was staged to one, some or all; or do what a plan says',
    method: 'POST',
    path: '/v1/distributions',
    action: 'service.use',
    body: distributionWanted,
    answers: { 202: distributionView },
    handle: async ({ call, body }) => {
      const distribution =
        'plan' in body
          ? await acceptPlan(
              call,
              body.plan,
              {
                ...(body.source && { source: asSource(body.source) }),
                ...(body.targets && { targets: body.targets }),
                ...(body.strategy && { strategies: toStrategies(body.strategy) }),
              },
              body,
            )
          : await acceptDistribution(
              call,
              { ...body, source: asSource(body.source), strategies: toStrategies(body.strategy) },
              body,
            );
      return accepted(await viewDistribution(call, distribution));
    },
  }),
  endpoint({
    name: 'retryDistribution',
    summary: 'Try again what failed or was left over, and only that',
    method: 'POST',
    path: '/v1/distributions/{distribution}/retry',
    action: 'distribution.change',
    answers: { 202: distributionView },
    handle: async ({ call, thing }) => accepted(await viewDistribution(call, await acceptRetry(call, thing))),
  }),
  endpoint({
    name: 'cancelDistribution',
    summary: 'Begin no further target',
    method: 'POST',
    path: '/v1/distributions/{distribution}/cancel',
    action: 'distribution.change',
    answers: { 202: distributionView },
    handle: async ({ call, thing }) =>
      accepted(await viewDistribution(call, await acceptCancel(call, thing))),
  }),
  endpoint({
    name: 'undoDistribution',
    summary: 'Take back, on every target, exactly what still is what it made it',
    method: 'POST',
    path: '/v1/distributions/{distribution}/undo',
    action: 'distribution.change',
    answers: { 202: distributionView },
    handle: async ({ call, thing }) =>
      accepted(await viewDistribution(call, await acceptUndo(call, thing, { safetySnapshots: true }))),
  }),
  endpoint({
    name: 'recall',
    summary: 'Take paths back from students, others or all',
    method: 'POST',
    path: '/v1/spaces/{space}/recalls',
    action: 'space.recall',
    body: z.strictObject({
      items: selectors,
      from: z.enum(recallAudiences),
      ...options,
    }),
    answers: { 202: distributionView },
    handle: async ({ call, thing, body }) =>
      accepted(await viewDistribution(call, await acceptRecall(call, thing, body.items, body.from, body))),
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
      whenMoved(
        async () => viewDistribution(call, await getDistribution(call.ports, thing.id)),
        headers['if-none-match'],
        query.wait,
      ),
  }),
  endpoint({
    name: 'listTargets',
    summary: 'What happened at each target',
    method: 'GET',
    path: '/v1/distributions/{distribution}/targets',
    action: 'distribution.see',
    query: z.strictObject({ ...pageShape, status: z.enum(targetStatuses).optional() }),
    answers: { 200: listOf(targetView) },
    handle: async ({ call, thing, query: { status, limit, cursor } }) => {
      const { items, next } = await listTargets(call, thing, status, fromCountingCursor(cursor) ?? 0, limit);
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
      const { items, next } = await listDistributions(call, thing.id, fromCountingCursor(cursor), limit);
      return ok({ items, next: toCursor(next) });
    },
  }),
];
