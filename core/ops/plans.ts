// Plans: what a distribution would do to each target, before anything moves. The same merge as the distribution's, at the
// states the targets are in now; nothing of theirs is written.

import { badInput, notFound } from '../errors.ts';
import { batchSize, type Plan, type TargetResult } from '../model/distribution.ts';
import { isId } from '../model/ids.ts';
import { keys } from '../model/keys.ts';
import type { Kind } from '../model/path.ts';
import { planLifeMs } from '../model/retention.ts';
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
import { fitting, mostExceptions } from './distribution-views.ts';
import { type DistributionWanted, prepareTask } from './distributions.ts';
import { currentOf } from './journal.ts';
import { forecastFor, type Given } from './merges.ts';
import { batchesOf, readReport, tallyOf } from './reports.ts';
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
  const { totals } = await tallyOf(ports, id, targets);
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
  if (record?.value.createdBy !== call.actor.user)
    throw badInput(pointer, 'There is no plan of yours with that id.', 'not-found');
  if (Date.parse(record.value.createdAt) + planLifeMs <= call.ports.now())
    throw badInput(pointer, 'A plan can be followed for a week; make a new one.', 'gone');
  return record.value;
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
const reportsAtOnce = 32;

/** Targets that fared alike: how many, and the first of them. */
interface Alike {
  readonly targets: number;
  readonly instanceIds: readonly string[];
}

/** The conflicts of a plan, those that concern most targets first; of each target, the exceptions that are listed. */
export async function conflictsOf(ports: Ports, plan: Plan): Promise<PlanConflict[]> {
  const byReport = new Map<Digest, Alike>();
  for await (const { targets } of batchesOf(ports, plan))
    for (const { report, instanceId } of targets)
      byReport.set(report!, joined(byReport.get(report!), { targets: 1, instanceIds: [instanceId] }));
  const conflicts = new Map<string, PlanConflict>();
  const reports = [...byReport.keys()];
  for (let at = 0; at < reports.length; at += reportsAtOnce) {
    const group = reports.slice(at, at + reportsAtOnce);
    const read = await inParallel(group, reportsAtOnce, (report) =>
      readReport(ports, plan.id, report, mostExceptions),
    );
    for (const [nth, { exceptions }] of read.entries())
      for (const { kind, path, outcome } of exceptions) {
        const name = `${outcome} ${kind} ${path}`;
        const alike = joined(conflicts.get(name), byReport.get(group[nth]!)!);
        conflicts.set(name, { kind, path, outcome, ...alike });
      }
  }
  const most = [...conflicts.values()].sort((a, b) => b.targets - a.targets).slice(0, mostConflicts);
  return fitting(most, async (conflict) => conflict);
}

const joined = (some: Alike | undefined, more: Alike): Alike => {
  if (!some) return more;
  const { targets, instanceIds } = some;
  const room = namedInstances - instanceIds.length;
  return {
    targets: targets + more.targets,
    instanceIds: room > 0 ? [...instanceIds, ...more.instanceIds.slice(0, room)] : instanceIds,
  };
};
