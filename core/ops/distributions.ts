// Accepting distributions, recalls and undos: who may ask for them, and what is frozen at the moment of asking.

import { AppError, badInput } from '../errors.ts';
import {
  type Accepted,
  type Distribution,
  isOver,
  type RecallAudience,
  type Targets,
  type Task,
} from '../model/distribution.ts';
import { keys } from '../model/keys.ts';
import { joinRanges, rangeOf, type Selector } from '../model/scope.ts';
import type { Space } from '../model/space.ts';
import type { Strategies } from '../model/strategy.ts';
import { digestOf } from '../tree/digest.ts';
import { authorizeInstance, authorizeSpace, getInstance } from './access.ts';
import { type Call, nowText } from './call.ts';
import { cancel, enqueue, requeue } from './distribution-queue.ts';
import { authorizeTargets } from './distribution-targets.ts';
import { getDistribution } from './distribution-views.ts';
import { movedSince, ownPlan } from './plans.ts';
import { freeze, getStage, type StageItem } from './stage.ts';
import { requireHistory } from './states.ts';

export interface DistributionWanted {
  readonly source: {
    readonly instance: string;
    readonly items?: readonly StageItem[];
    readonly stage?: true;
  };
  readonly targets: Targets;
  readonly strategies: Strategies;
}

export interface DistributionOptions {
  readonly safetySnapshots: boolean;
  readonly message?: string | undefined;
}

type DistributionTask = Extract<Task, { kind: 'distribution' }>;

/** Authorizes a distribution and freezes what it gives. */
export async function prepareTask(
  call: Call,
  { source: wanted, targets, strategies }: DistributionWanted,
): Promise<{ spaceId: string; task: DistributionTask }> {
  const source = await authorizeInstance(call, 'instance.read', wanted.instance);
  const spaceId = await authorizeTargets(call, source, targets);
  const items = wanted.items ?? (await getStage(call, source.id));
  const { version, ...payload } = await freeze(call, source.id, items);
  const task = { kind: 'distribution', payload, targets, strategies } as const;
  return { spaceId, task: { ...task, source: { instanceId: source.id, version } } };
}

export async function acceptDistribution(
  call: Call,
  wanted: DistributionWanted,
  options: DistributionOptions,
): Promise<Distribution> {
  const before = await acceptedBefore(call);
  if (before) return before;
  const { spaceId, task } = await prepareTask(call, wanted);
  return enqueue(call, accepted(call, spaceId, task, options));
}

/** Does what a plan says, unless targets moved since. What else the request says must agree with the plan. */
export async function acceptPlan(
  call: Call,
  planId: string,
  wanted: Partial<DistributionWanted>,
  options: DistributionOptions,
): Promise<Distribution> {
  const before = await acceptedBefore(call);
  if (before) return before;
  const plan = await ownPlan(call, planId);
  const { task } = plan;
  const agree = (pointer: string, asked: unknown, planned: unknown) => {
    if (asked !== undefined && digestOf(asked) !== digestOf(planned))
      throw badInput(
        pointer,
        'The plan was made for something else; leave this out or plan again.',
        'impossible',
      );
  };
  agree('/source', wanted.source?.instance, task.source.instanceId);
  agree('/targets', wanted.targets, task.targets);
  agree('/strategy', wanted.strategies, task.strategies);
  const source = await authorizeInstance(call, 'instance.read', task.source.instanceId);
  await authorizeTargets(call, source, task.targets);
  const moved = await movedSince(call.ports, plan);
  if (moved.length > 0)
    throw new AppError('moved', `${moved.length} targets have changed since the plan was made; plan again.`, {
      extra: { moved },
    });
  return enqueue(call, accepted(call, plan.spaceId, { ...task, plan: planId }, options));
}

export async function acceptRecall(
  call: Call,
  space: Space,
  items: readonly Selector[],
  from: RecallAudience,
  options: DistributionOptions,
): Promise<Distribution> {
  const scope = joinRanges(items.map((item, index) => rangeOf(item, `/items/${index}`)));
  return enqueue(call, accepted(call, space.id, { kind: 'recall', items, scope, from }, options));
}

/** Takes back what a distribution, recall or undo did. */
export async function acceptUndo(
  call: Call,
  distribution: Distribution,
  options: DistributionOptions,
): Promise<Distribution> {
  await authorizeAgain(call, distribution);
  if (!isOver(distribution.status))
    throw new AppError('not-now', 'It is still under way; wait for its end, or cancel it first.');
  await requireHistory(call.ports, distribution.spaceId, distribution.createdAt);
  const task = { kind: 'undo', undoes: distribution.id } as const;
  return enqueue(call, accepted(call, distribution.spaceId, task, options));
}

/** Tries again what failed or was left over, and only that. */
export async function acceptRetry(call: Call, distribution: Distribution): Promise<Distribution> {
  await authorizeAgain(call, distribution);
  return requeue(call, distribution.id);
}

export async function acceptCancel(call: Call, distribution: Distribution): Promise<Distribution> {
  await authorizeAgain(call, distribution);
  return cancel(call.ports, distribution.id);
}

/** Whoever changes a distribution must still be one who may make it. */
async function authorizeAgain(call: Call, distribution: Distribution): Promise<void> {
  if (distribution.kind === 'recall') {
    await authorizeSpace(call, 'space.recall', distribution.spaceId);
  } else if (distribution.kind === 'undo') {
    await authorizeAgain(call, await getDistribution(call.ports, distribution.undoes));
  } else {
    const source = await getInstance(call, distribution.source.instanceId);
    await authorizeTargets(call, source, distribution.targets);
  }
}

/** The same for every try of a call. */
const idOf = (call: Call): string => call.newId('distribution', 'accepted');

/** What an earlier try of this call was accepted as; what it was made from may have moved on since. */
async function acceptedBefore(call: Call): Promise<Distribution | undefined> {
  if (call.firstAt === undefined) return undefined;
  return (await call.ports.records.get<Distribution>(keys.distribution(idOf(call))))?.value;
}

const accepted = (
  call: Call,
  spaceId: string,
  task: Task,
  { safetySnapshots, message }: DistributionOptions,
): Accepted => ({
  id: idOf(call),
  status: 'queued',
  runs: 1,
  spaceId,
  ...task,
  safetySnapshots,
  ...(message !== undefined && { message }),
  createdAt: nowText(call),
  createdBy: call.actor.user,
});
