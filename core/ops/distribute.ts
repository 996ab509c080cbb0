// The steps of `workflows/distribute.asl.json`: prepare (find the targets), apply a batch of them, finish. Every step may
// run again after a crash.

import {
  type Batch,
  batchSize,
  type Distribution,
  isOver,
  type TargetResult,
} from '../model/distribution.ts';
import { keys } from '../model/keys.ts';
import type { Ports } from '../ports.ts';
import { applyTarget, reportIn } from './apply-target.ts';
import { conclude, mayHaveMissed, update } from './distribution-queue.ts';
import {
  distributedInstance,
  otherTargets,
  plannedTargets,
  putBatch,
  reachesAll,
} from './distribution-targets.ts';
import { getDistribution } from './distribution-views.ts';
import { publishDistribution } from './events.ts';
import { type Late, settleLate } from './late.ts';
import { entryMadeBy } from './marks.ts';
import { getPlan } from './plans.ts';
import { batchesOf, putResults, sumTallies, tallyWrite } from './reports.ts';
import { inParallel } from './retry.ts';

/** Targets handled at a time; after each such chunk the batch's record is brought up to date. */
const chunkSize = 125;
const parallelTargets = 64;

interface BatchOf {
  readonly distribution: string;
  readonly batch: number;
}

/** Marks a distribution as running and writes down its targets, Distributed first. Answers the batches to apply. */
export async function prepareDistribution(
  ports: Ports,
  id: string,
): Promise<{ distribution: string; batches: BatchOf[] }> {
  const distribution = await update(ports, id, (now) =>
    now.status === 'queued' ? { ...now, status: 'running', startedAt: timeOf(ports) } : now,
  );
  if (isOver(distribution.status) || distribution.cancelling) return { distribution: id, batches: [] };
  await publishDistribution(ports, 'distribution.started', distribution);
  if (distribution.batches === undefined) await writeTargets(ports, distribution);
  else if (distribution.runs > 1) await reopenFailed(ports, distribution);
  await applyBatch(ports, id, 0);
  const { batches = 0 } = await getDistribution(ports, id);
  const rest = Array.from({ length: Math.max(0, batches - 1) }, (_, i) => ({
    distribution: id,
    batch: i + 1,
  }));
  return { distribution: id, batches: rest };
}

const timeOf = (ports: Ports): string => new Date(ports.now()).toISOString();

/**
 * Writes the targets down in batches, of which the first is Distributed alone, or empty. It is applied before the others
 * are listed: who joins after that starts from it. The list is in the order of ids, so one that is new after a crash
 * comes last and leaves the batches already written as they are.
 */
async function writeTargets(ports: Ports, distribution: Distribution): Promise<void> {
  const { id, spaceId } = distribution;
  const pending = (instanceId: string): TargetResult => ({ instanceId, status: 'pending' });
  const planned = await plannedFor(ports, distribution);
  const withPlan = (instanceId: string) => planned.get(instanceId) ?? pending(instanceId);
  const first = (await reachesAll(ports, distribution)) ? await distributedInstance(ports, spaceId) : [];
  let targetCount = await putBatch(ports, id, 0, first.map(withPlan));
  await applyBatch(ports, id, 0);
  const rest = (await otherTargets(ports, distribution)).map(withPlan);
  let batches = 1;
  for (let i = 0; i < rest.length; i += batchSize)
    targetCount += await putBatch(ports, id, batches++, rest.slice(i, i + batchSize));
  await update(ports, id, (now) => ({ ...now, batches, targetCount }));
}

/** The targets of the plan that is followed: each goes on from the state it was planned for. */
async function plannedFor(ports: Ports, distribution: Distribution): Promise<Map<string, TargetResult>> {
  if (distribution.kind !== 'distribution' || !distribution.plan) return new Map();
  const targets = await plannedTargets(ports, await getPlan(ports, distribution.plan));
  return new Map(
    targets.map(({ instanceId, planned }) => [
      instanceId,
      { instanceId, status: 'pending', ...(planned && { planned }) },
    ]),
  );
}

/** A retry tries what failed again. */
async function reopenFailed(ports: Ports, { id, batches = 0 }: Distribution): Promise<void> {
  for (let batch = 0; batch < batches; batch++)
    await changeTargets(ports, id, batch, ({ error: _, ...target }) =>
      target.status === 'failed' ? { ...target, status: 'pending' } : target,
    );
}

async function changeTargets(
  ports: Ports,
  id: string,
  batch: number,
  change: (target: TargetResult) => TargetResult | Promise<TargetResult>,
): Promise<void> {
  const { targets } = (await ports.records.get<Batch>(keys.batch(id, batch)))!.value;
  const changed = await inParallel(targets, parallelTargets, async (target) => change(target));
  await putResults(ports, id, batch, changed);
}

/** Applies the pending targets of a batch, chunk by chunk, until there is none or the distribution is cancelled. */
export async function applyBatch(
  ports: Ports,
  id: string,
  batch: number,
): Promise<{ done: number; failed: number }> {
  const results = [...(await ports.records.get<Batch>(keys.batch(id, batch)))!.value.targets];
  await ports.records.write([await tallyWrite(ports, id, batch, results)]);
  const pending = results.flatMap((target, index) => (target.status === 'pending' ? [index] : []));
  for (let i = 0; i < pending.length; i += chunkSize) {
    const distribution = await getDistribution(ports, id);
    if (distribution.cancelling) break;
    const late: Late[] | undefined = (await mayHaveMissed(ports, distribution.spaceId)) ? [] : undefined;
    await inParallel(pending.slice(i, i + chunkSize), parallelTargets, async (index) => {
      results[index] = await applyTarget(ports, distribution, results[index]!, late);
    });
    if (late) await settleLate(ports, late);
    await putResults(ports, id, batch, results);
  }
  const count = (status: string) => results.filter((target) => target.status === status).length;
  return { done: count('done'), failed: count('failed') };
}

/**
 * Gives up what is still pending in a batch whose step failed for good, naming the reason. What it had reached before it
 * could write that down is done.
 */
export async function failBatch(ports: Ports, id: string, batch: number, reason: string): Promise<void> {
  const distribution = await getDistribution(ports, id);
  await changeTargets(ports, id, batch, async (target) => {
    if (target.status !== 'pending') return target;
    const { instanceId } = target;
    const entry = await entryMadeBy(ports, distribution, instanceId);
    if (!entry) return { ...target, status: 'failed', error: reason };
    return { instanceId, status: 'done', report: reportIn(entry) };
  });
}

/** Adds up the results, notes who missed it, and lets the next in the space's order begin. */
export async function finishDistribution(ports: Ports, id: string): Promise<void> {
  const distribution = await getDistribution(ports, id);
  const counted = await sumTallies(ports, distribution);
  const { total, done, failed } = counted.progress;
  const cancelled = distribution.cancelling && (distribution.batches === undefined || done + failed < total);
  const status = cancelled ? 'cancelled' : failed > 0 ? 'completed-with-errors' : 'completed';
  if (failed > 0) await noteMissed(ports, distribution);
  await publishDistribution(ports, 'distribution.completed', distribution, { status, ...counted.progress });
  await conclude(ports, id, (now) => ({ ...now, ...counted, status, finishedAt: timeOf(ports) }), failed > 0);
}

/** Leaves word with each instance that missed it: nothing later may overtake it there. */
async function noteMissed(ports: Ports, distribution: Distribution): Promise<void> {
  for await (const { targets } of batchesOf(ports, distribution)) {
    const failed = targets.filter((target) => target.status === 'failed');
    for (const { instanceId, error } of failed)
      await publishDistribution(ports, 'distribution.target-failed', distribution, { instanceId, error });
    const missed = failed.filter((target) => !target.moved);
    for (let i = 0; i < missed.length; i += 100)
      await ports.records.write(
        missed.slice(i, i + 100).map(({ instanceId }) => ({
          put: keys.missed(instanceId, distribution.order),
          value: distribution.id,
        })),
      );
  }
}

/** Ends a distribution that could not be prepared. */
export async function failDistribution(ports: Ports, id: string, error: string): Promise<void> {
  await publishDistribution(ports, 'distribution.completed', await getDistribution(ports, id), {
    status: 'failed',
    error,
  });
  await conclude(ports, id, (now) => ({ ...now, status: 'failed', error, finishedAt: timeOf(ports) }));
}
