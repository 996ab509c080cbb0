// Plans: what a distribution would do, before anything moves.

import type { Plan } from '../core/model/distribution.ts';
import type { Call } from '../core/ops/call.ts';
import { listTargets } from '../core/ops/distribution-views.ts';
import { conflictsOf, makePlan, ownPlan } from '../core/ops/plans.ts';
import { asSource, planView, planWanted, targetView } from './http/distribution-schemas.ts';
import { created, type Endpoint, endpoint, ok } from './http/endpoint.ts';
import { fromCountingCursor, listOf, page, toCursor, toStrategies } from './http/schemas.ts';

const firstTargets = 100;

async function viewPlan(call: Call, plan: Plan) {
  const { items, next } = await listTargets(call, plan, undefined, 0, firstTargets);
  const conflicts = await conflictsOf(call.ports, plan);
  const { id, totals, createdAt } = plan;
  return { id, totals, conflicts, targets: { items, next: toCursor(next) }, createdAt };
}

export const plans: readonly Endpoint[] = [
  endpoint({
    name: 'planDistribution',
    summary: 'What a distribution would do to each target; nothing is changed',
    method: 'POST',
    path: '/v1/distributions/plan',
    action: 'service.use',
    body: planWanted,
    answers: { 201: planView },
    handle: async ({ call, body }) => {
      const source = asSource(body.source);
      const plan = await makePlan(call, { ...body, source, strategies: toStrategies(body.strategy) });
      return created(await viewPlan(call, plan));
    },
  }),
  endpoint({
    name: 'getPlan',
    summary: "The caller's plan",
    method: 'GET',
    path: '/v1/plans/{plan}',
    action: 'service.use',
    answers: { 200: planView },
    handle: async ({ call, params }) => ok(await viewPlan(call, await ownPlan(call, params.plan!, 'plan'))),
  }),
  endpoint({
    name: 'listPlanTargets',
    summary: 'What the plan says for each target',
    method: 'GET',
    path: '/v1/plans/{plan}/targets',
    action: 'service.use',
    query: page,
    answers: { 200: listOf(targetView) },
    handle: async ({ call, params, query: { limit, cursor } }) => {
      const plan = await ownPlan(call, params.plan!, 'plan');
      const { items, next } = await listTargets(
        call,
        plan,
        undefined,
        fromCountingCursor(cursor) ?? 0,
        limit,
      );
      return ok({ items, next: toCursor(next) });
    },
  }),
];
