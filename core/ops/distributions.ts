// Accepting distributions. What is accepted in a space queues up: the first in the queue runs, the next one is launched
// when it is over, so nothing overtakes on any target.

import { badInput, notFound } from '../errors.ts';
import { type Distribution, isOver, type Targets } from '../model/distribution.ts';
import { keys } from '../model/keys.ts';
import type { Instance } from '../model/space.ts';
import type { Strategies } from '../model/strategy.ts';
import type { Ports, RecordWrite } from '../ports.ts';
import { authorizeInstance, authorizeSpace } from './access.ts';
import { type Call, nowText } from './call.ts';
import { type DistributionView, viewDistribution } from './distribution-views.ts';
import { spaceEvent } from './journal.ts';
import { launch, recordLaunch } from './launch.ts';
import { inParallel, inTurn, untilSettled } from './retry.ts';
import { freeze, getStage, type StageItem } from './stage.ts';

export const distributeWorkflow = 'distribute';

export interface DistributionWanted {
  readonly source: {
    readonly instance: string;
    readonly items?: readonly StageItem[];
    readonly stage?: true;
  };
  readonly targets: Targets;
  readonly strategies: Strategies;
  readonly safetySnapshots: boolean;
  readonly message?: string | undefined;
}

export async function acceptDistribution(call: Call, wanted: DistributionWanted): Promise<DistributionView> {
  const source = await authorizeInstance(call, 'instance.read', wanted.source.instance);
  const spaceId = await authorizeTargets(call, source, wanted.targets);
  const items = wanted.source.items ?? (await getStage(call, source.id));
  const { version, ...payload } = await freeze(call, source.id, items);
  const distribution = await enqueue(call, {
    id: call.newId('distribution'),
    kind: 'distribution',
    status: 'queued',
    spaceId,
    source: { instanceId: source.id, version },
    payload,
    targets: wanted.targets,
    strategies: wanted.strategies,
    safetySnapshots: wanted.safetySnapshots,
    ...(wanted.message !== undefined && { message: wanted.message }),
    createdAt: nowText(call),
    createdBy: call.actor.user,
  });
  return viewDistribution(call, distribution);
}

/** Checks that the actor may give to every target, and that all are of one space; answers that space. */
async function authorizeTargets(call: Call, source: Instance, targets: Targets): Promise<string> {
  if ('all' in targets) return (await authorizeSpace(call, 'space.distribute-to-all', source.spaceId)).id;
  if ('group' in targets) {
    const group = await groupInstance(call.ports, source.spaceId, targets.group);
    if (!group) throw badInput('/targets/group', `The space has no group "${targets.group}".`, 'impossible');
    return (await authorizeInstance(call, 'instance.receive', group)).spaceId;
  }
  if (targets.instances.length === 0) throw badInput('/targets/instances', 'Name at least one instance.');
  const found = await inParallel(targets.instances, 16, (id) =>
    authorizeInstance(call, 'instance.receive', id),
  );
  const spaces = new Set(found.map((instance) => instance.spaceId));
  if (spaces.size > 1)
    throw badInput(
      '/targets/instances',
      'All targets belong to one space; distribute to each space by itself.',
      'impossible',
    );
  return found[0]!.spaceId;
}

export async function groupInstance(ports: Ports, space: string, group: string): Promise<string | undefined> {
  return (await ports.records.get<{ id: string }>(keys.group(space, group)))?.value.id;
}

/** The distributions of a space that are not over, in the order in which they take effect. */
interface Queue {
  readonly waiting: readonly string[];
}

/** Gives a distribution its place in the order of its space, and starts it if it is the first there. */
async function enqueue(call: Call, accepted: Omit<Distribution, 'order'>): Promise<Distribution> {
  const { ports } = call;
  const { id, spaceId } = accepted;
  const { distribution, first } = await inTurn(ports.records, spaceId, () =>
    untilSettled(async () => {
      const before = await ports.records.get<Distribution>(keys.distribution(id));
      if (before) return { distribution: before.value, first: false };
      const queue = await ports.records.get<Queue>(keys.queue(spaceId));
      const waiting = [...(queue?.value.waiting ?? []), id];
      const details = { source: accepted.source, payload: accepted.payload.root };
      const { event, write } = await spaceEvent(call, spaceId, 'distribute', id, details);
      const distribution: Distribution = { ...accepted, order: event.sequence };
      const batch: RecordWrite[] = [
        write,
        { put: keys.distribution(id), value: distribution, if: 'absent' },
        { put: keys.spaceDistribution(spaceId, event.sequence), value: id },
        { put: keys.queue(spaceId), value: { waiting }, if: queue ? { revision: queue.revision } : 'absent' },
      ];
      const first = waiting.length === 1;
      await ports.records.write(first ? [...batch, recordLaunch(launchOf(id))] : batch);
      return { distribution, first };
    }),
  );
  if (first) await launch(ports, launchOf(id));
  return distribution;
}

const launchOf = (id: string) => ({ workflow: distributeWorkflow, id, input: { distribution: id } });

/** Ends a distribution: writes how it ended, leaves the queue, and starts the next one there. */
export async function conclude(
  ports: Ports,
  id: string,
  end: (now: Distribution) => Distribution,
): Promise<void> {
  const next = await untilSettled(async () => {
    const record = await ports.records.get<Distribution>(keys.distribution(id));
    if (!record) throw notFound('distribution with that id');
    const { spaceId, status } = record.value;
    const queue = await ports.records.get<Queue>(keys.queue(spaceId));
    const [head, ...rest] = queue?.value.waiting ?? [];
    if (isOver(status) || !queue || head !== id) return undefined;
    const batch: RecordWrite[] = [
      { put: keys.distribution(id), value: end(record.value), if: { revision: record.revision } },
      { put: keys.queue(spaceId), value: { waiting: rest }, if: { revision: queue.revision } },
    ];
    await ports.records.write(rest[0] ? [...batch, recordLaunch(launchOf(rest[0]))] : batch);
    return rest[0];
  });
  if (next) await launch(ports, launchOf(next));
}
