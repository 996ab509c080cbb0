// Plans: what a distribution would do to each target, before anything moves. The same merge as the distribution's, at the
// states the targets are in now; nothing of theirs is written.

import { badInput, notFound } from '../errors.ts';
import { batchSize, type Plan, type TargetResult } from '../model/distribution.ts';
import { isId } from '../model/ids.ts';
import { keys } from '../model/keys.ts';
import type { Kind } from '../model/path.ts';
import type { Outcome } from '../model/strategy.ts';
import type { Digest, Ports } from '../ports.ts';
import { type Call, nowText } from './call.ts';
import {
  distributedInstance,
  otherTargets,
  plannedTargets,
  putBatch,
  reachesAll,
} from './distribution-targets.ts';
import { type DistributionWanted, prepareTask } from './distributions.ts';
import { currentOf } from './journal.ts';
import { forecastFor, type Given } from './merges.ts';
import { countBatches, readReport } from './reports.ts';
import { inParallel } from './retry.ts';

export async function makePlan(call: Call, wanted: DistributionWanted): Promise<Plan> {
  const { ports } = call;
  const id = call.newId('plan');
  const before = call.firstAt === undefined ? undefined : await ports.records.get<Plan>(keys.plan(id));
  if (before) return before.value;
  const { spaceId, task } = await prepareTask(call, wanted);
  const createdAt = nowText(call);
  const createdBy = call.actor.user;
  const asIf = { id, spaceId, createdAt, createdBy, ...task } as Given;
  const first = (await reachesAll(ports, asIf)) ? await distributedInstance(ports, spaceId) : [];
  const targets = await inParallel([...first, ...(await otherTargets(ports, asIf))], 64, (instance) =>
    planTarget(ports, asIf, instance),
  );
  const batches = Math.ceil(targets.length / batchSize);
  for (let batch = 0; batch < batches; batch++)
    await putBatch(ports, id, batch, targets.slice(batch * batchSize, (batch + 1) * batchSize));
  const { totals } = await countBatches(ports, { id, batches });
  const plan: Plan = { id, spaceId, task, batches, totals, createdAt, createdBy };
  await ports.records.write([
    { put: keys.plan(id), value: plan },
    { put: keys.spacePlan(spaceId, id), value: id },
  ]);
  return plan;
}

async function planTarget(ports: Ports, asIf: Given, instanceId: string): Promise<TargetResult> {
  const head = await currentOf(ports, instanceId);
  const report = await forecastFor(ports, asIf, head);
  return { instanceId, status: 'pending', report, planned: { root: head.root, delivered: head.delivered } };
}

export async function getPlan(ports: Ports, id: string): Promise<Plan> {
  const record = isId('plan', id) ? await ports.records.get<Plan>(keys.plan(id)) : undefined;
  if (!record) throw notFound('plan with that id');
  return record.value;
}

/** The caller's own plan. */
export async function ownPlan(call: Call, id: string, pointer = '/plan'): Promise<Plan> {
  const record = isId('plan', id) ? await call.ports.records.get<Plan>(keys.plan(id)) : undefined;
  if (record?.value.createdBy === call.actor.user) return record.value;
  throw badInput(pointer, 'There is no plan of yours with that id.', 'not-found');
}

/** The targets that are not in the state that the plan was made for. */
export async function movedSince(ports: Ports, plan: Plan): Promise<string[]> {
  const moved = await inParallel(await plannedTargets(ports, plan), 64, async ({ instanceId, planned }) => {
    const head = await currentOf(ports, instanceId);
    return head.root === planned?.root && head.delivered === planned.delivered ? [] : [instanceId];
  });
  return moved.flat();
}

/** A path where targets do not simply take the payload, and who they are. */
export interface PlanConflict {
  readonly kind: Kind;
  readonly path: string;
  readonly outcome: Outcome;
  readonly targets: number;
  /** The first of them. */
  readonly instanceIds: readonly string[];
}

const mostConflicts = 1_000;
const namedInstances = 100;

/** The conflicts of a plan, those that concern most targets first. */
export async function conflictsOf(ports: Ports, plan: Plan): Promise<PlanConflict[]> {
  const byReport = new Map<Digest, string[]>();
  for (const { report, instanceId } of await plannedTargets(ports, plan))
    byReport.set(report!, [...(byReport.get(report!) ?? []), instanceId]);
  const conflicts = new Map<string, { kind: Kind; path: string; outcome: Outcome; instanceIds: string[] }>();
  for (const [report, instances] of byReport) {
    for (const { kind, path, outcome } of (await readReport(ports, plan.id, report)).exceptions) {
      const name = `${outcome} ${kind} ${path}`;
      const known = conflicts.get(name) ?? { kind, path, outcome, instanceIds: [] };
      known.instanceIds.push(...instances);
      conflicts.set(name, known);
    }
  }
  return [...conflicts.values()]
    .sort((a, b) => b.instanceIds.length - a.instanceIds.length)
    .slice(0, mostConflicts)
    .map((conflict) => ({
      ...conflict,
      targets: conflict.instanceIds.length,
      instanceIds: conflict.instanceIds.slice(0, namedInstances),
    }));
}
