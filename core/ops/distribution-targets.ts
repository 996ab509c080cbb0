// Who a distribution, recall or undo reaches, in which order. Distributed comes first and alone: who joins later starts
// from it and so misses nothing.

import { badInput, notFound } from '../errors.ts';
import { can } from '../model/access.ts';
import type { Batch, Distribution, RecallAudience, TargetResult, Targets } from '../model/distribution.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import type { Instance, InstanceKind, Space } from '../model/space.ts';
import type { Ports } from '../ports.ts';
import { authorizeInstance, authorizeSpace, spaceRelation } from './access.ts';
import type { Call } from './call.ts';
import { getDistribution } from './distribution-views.ts';
import { eachRecord } from './paging.ts';
import { batchesOf } from './reports.ts';
import { inParallel } from './retry.ts';

/** Checks that the actor may give to every target, and that all are of one space; answers that space's id. */
export async function authorizeTargets(call: Call, source: Instance, targets: Targets): Promise<string> {
  if ('all' in targets) return (await authorizeSpace(call, 'space.distribute-to-all', source.spaceId)).id;
  if ('group' in targets) {
    const group = await groupInstance(call.ports, source.spaceId, targets.group);
    if (group) return (await authorizeInstance(call, 'instance.receive', group)).spaceId;
    const relation = await spaceRelation(call, source.spaceId);
    if (can('space.list-members', relation) !== 'allowed') throw notFound('instance with that id');
    throw badInput('/targets/group', `The space has no group "${targets.group}".`, 'impossible');
  }
  if (targets.instances.length === 0) throw badInput('/targets/instances', 'Name at least one instance.');
  const found = await inParallel(targets.instances, 16, (id) =>
    authorizeInstance(call, 'instance.receive', id),
  );
  const spaces = new Set(found.map((instance) => instance.spaceId));
  if (spaces.size > 1)
    throw badInput(
      '/targets/instances',
      'All targets belong to one space; give to each space by itself.',
      'impossible',
    );
  return found[0]!.spaceId;
}

/** The instance that the members of a group share. */
export async function groupInstance(ports: Ports, space: string, group: string): Promise<string | undefined> {
  return (await ports.records.get<{ id: string }>(keys.group(space, group)))?.value.id;
}

const receivers: readonly InstanceKind[] = ['student', 'group', 'project'];

const recallKinds: Record<RecallAudience, readonly InstanceKind[]> = {
  students: ['student', 'group'],
  others: receivers,
  all: [...receivers, 'master'],
};

/** What of a distribution decides whom it reaches. */
export type Reach = Pick<Distribution, 'spaceId'> &
  (
    | {
        readonly kind: 'distribution';
        readonly targets: Targets;
        readonly source: { readonly instanceId: string };
      }
    | { readonly kind: 'recall'; readonly from: RecallAudience }
    | { readonly kind: 'undo'; readonly undoes: string }
  );

/** Whether everyone is reached, Distributed included, and so whoever joins later too. */
export async function reachesAll(ports: Ports, reach: Reach): Promise<boolean> {
  if (reach.kind === 'distribution') return 'all' in reach.targets;
  return reach.kind === 'recall' || reachesAll(ports, await getDistribution(ports, reach.undoes));
}

export async function distributedInstance(ports: Ports, space: string): Promise<string[]> {
  const { distributedInstanceId } = (await ports.records.get<Space>(keys.space(space)))!.value;
  return distributedInstanceId === null ? [] : [distributedInstanceId];
}

/** Every target but Distributed, in the order of ids where all are meant: who is new comes last. */
export async function otherTargets(ports: Ports, reach: Reach): Promise<string[]> {
  const { spaceId } = reach;
  if (reach.kind === 'undo') return targetsToUndo(ports, reach.undoes);
  if (reach.kind === 'recall') return instancesOfKinds(ports, spaceId, recallKinds[reach.from]);
  const { targets, source } = reach;
  if ('instances' in targets) return [...new Set(targets.instances)];
  if ('group' in targets) return [(await groupInstance(ports, spaceId, targets.group))!];
  const all = await instancesOfKinds(ports, spaceId, receivers);
  return all.filter((id) => id !== source.instanceId);
}

async function instancesOfKinds(
  ports: Ports,
  space: string,
  kinds: readonly InstanceKind[],
): Promise<string[]> {
  const found: string[] = [];
  const query = { partition: partitions.space(space), prefix: prefixes.instance };
  for await (const { value } of eachRecord<Instance>(ports.records, query))
    if (kinds.includes(value.kind)) found.push(value.id);
  return found;
}

/** The targets that have it, and those who joined since and have it from Distributed. */
async function targetsToUndo(ports: Ports, id: string): Promise<string[]> {
  const undone = await getDistribution(ports, id);
  const first = (await reachesAll(ports, undone)) ? await distributedInstance(ports, undone.spaceId) : [];
  const found: string[] = [];
  const listed = new Set<string>(first);
  for await (const { targets } of batchesOf(ports, undone)) {
    for (const { instanceId, status } of targets) {
      if (status === 'done' && !listed.has(instanceId)) found.push(instanceId);
      listed.add(instanceId);
    }
  }
  if (first.length === 0) return found;
  const joined = (await otherTargets(ports, undone)).filter((instance) => !listed.has(instance));
  return [...found, ...joined];
}

/** The targets of a plan, with the states that it was made for. */
export async function plannedTargets(
  ports: Ports,
  plan: { id: string; batches: number },
): Promise<TargetResult[]> {
  const found: TargetResult[] = [];
  for await (const { targets } of batchesOf(ports, plan)) found.push(...targets);
  return found;
}

/** Writes a batch down unless it is there already; answers how many targets it has. */
export async function putBatch(
  ports: Ports,
  id: string,
  batch: number,
  targets: readonly TargetResult[],
): Promise<number> {
  const key = keys.batch(id, batch);
  const there = await ports.records.get<Batch>(key);
  if (there) return there.value.targets.length;
  await ports.records.write([{ put: key, value: { targets } satisfies Batch }]);
  return targets.length;
}
