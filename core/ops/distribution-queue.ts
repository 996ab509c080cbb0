// The order of a space. What is accepted joins the space's queue; the first in the queue runs, and the next one is
// launched when it is over, so nothing overtakes on any target. A retry joins the queue again.

import { AppError, notFound } from '../errors.ts';
import { type Accepted, type Distribution, isOver } from '../model/distribution.ts';
import type { SpaceAction } from '../model/journal.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import type { Ports, RecordWrite, StoredRecord } from '../ports.ts';
import type { Call } from './call.ts';
import { spaceEvent } from './journal.ts';
import { forgetLaunch, type Launch, launch, recordLaunch } from './launch.ts';
import { inTurn, untilSettled } from './retry.ts';
import { requireHistory } from './states.ts';

export const distributeWorkflow = 'distribute';

interface Queue {
  /** Distributions that are not over, in the order in which they take effect; the first one runs. */
  readonly waiting: readonly string[];
  /** Set once some target of the space has missed a distribution; from then on each target is asked. */
  readonly missed?: boolean;
}

const actions: Record<Distribution['kind'], SpaceAction> = {
  distribution: 'distribute',
  recall: 'recall',
  undo: 'undo',
};

const launchOf = ({ id, runs }: Pick<Distribution, 'id' | 'runs'>): Launch => ({
  workflow: distributeWorkflow,
  id: `${id}-${runs}`,
  input: { distribution: id },
});

async function readQueue(
  ports: Ports,
  space: string,
): Promise<{ queue: Queue; write: (next: Queue) => RecordWrite }> {
  const record = await ports.records.get<Queue>(keys.queue(space));
  const queue = record?.value ?? { waiting: [] };
  const write = (next: Queue): RecordWrite => ({
    put: keys.queue(space),
    value: next,
    if: record ? { revision: record.revision } : 'absent',
  });
  return { queue, write };
}

/** Whether targets of the space may have missed an earlier distribution. */
export const mayHaveMissed = async (ports: Ports, space: string): Promise<boolean> =>
  (await readQueue(ports, space)).queue.missed ?? false;

/** Refuses while something is under way in the space. */
export async function requireIdle(ports: Ports, space: string): Promise<void> {
  const { waiting } = (await readQueue(ports, space)).queue;
  if (waiting.length > 0)
    throw new AppError('not-now', `${waiting[0]} is under way; wait for its end, or cancel it.`);
}

/** Gives what was accepted its place in the order of its space, and starts it if nothing is before it. */
export function enqueue(call: Call, accepted: Accepted): Promise<Distribution> {
  const { ports } = call;
  const { id, spaceId, kind } = accepted;
  return queueing(call, spaceId, async ({ queue, write }) => {
    const before = await ports.records.get<Distribution>(keys.distribution(id));
    if (before) return { distribution: before.value, batch: [], starts: false };
    const { event, write: journal } = await spaceEvent(call, spaceId, actions[kind], id, { kind });
    const distribution = { ...accepted, order: event.sequence } as Distribution;
    const batch: RecordWrite[] = [
      journal,
      { put: keys.distribution(id), value: distribution, if: 'absent' },
      { put: keys.spaceDistribution(spaceId, event.sequence), value: id },
      write({ ...queue, waiting: [...queue.waiting, id] }),
    ];
    return { distribution, batch, starts: queue.waiting.length === 0 };
  });
}

/** Runs what failed or was left over once more. What is queued or running already is left as it is. */
export function requeue(call: Call, id: string): Promise<Distribution> {
  const { ports } = call;
  return (async () => {
    const { spaceId } = (await readDistribution(ports, id)).value;
    return queueing(call, spaceId, async ({ queue, write }) => {
      const record = await readDistribution(ports, id);
      const now = record.value;
      if (!isOver(now.status) || now.status === 'completed')
        return { distribution: now, batch: [], starts: false };
      await requireHistory(ports, spaceId, now.finishedAt!);
      if (now.status !== 'completed-with-errors' && !(await isNewest(ports, now)))
        throw new AppError(
          'not-now',
          'Its place in the order has passed: something later was accepted. Distribute again instead.',
        );
      const { totals: _, progress: __, finishedAt: ___, error: ____, cancelling: _____, ...kept } = now;
      const again = { ...kept, status: 'queued', runs: now.runs + 1 } as Distribution;
      const batch: RecordWrite[] = [
        { put: keys.distribution(id), value: again, if: { revision: record.revision } },
        write({ ...queue, waiting: [...queue.waiting, id] }),
      ];
      return { distribution: again, batch, starts: queue.waiting.length === 0 };
    });
  })();
}

async function isNewest(ports: Ports, { id, spaceId }: Distribution): Promise<boolean> {
  const [newest] = await ports.records.query<string>({
    partition: partitions.space(spaceId),
    prefix: prefixes.distribution,
    reverse: true,
    limit: 1,
  });
  return newest?.value === id;
}

interface Step {
  readonly distribution: Distribution;
  readonly batch: readonly RecordWrite[];
  readonly starts: boolean;
}

/** One change of a space's queue; what it makes the first in the queue is launched. */
async function queueing(
  call: Call,
  space: string,
  change: (now: Awaited<ReturnType<typeof readQueue>>) => Promise<Step>,
): Promise<Distribution> {
  const { ports } = call;
  const { distribution, starts } = await inTurn(ports.records, space, () =>
    untilSettled(async () => {
      const step = await change(await readQueue(ports, space));
      const launches = step.starts ? [recordLaunch(launchOf(step.distribution))] : [];
      if (step.batch.length > 0) await ports.records.write([...step.batch, ...launches]);
      return step;
    }),
  );
  if (starts) await launch(ports, launchOf(distribution));
  return distribution;
}

/** Ends a distribution: writes how it ended, leaves the queue, and starts the next one there. */
export async function conclude(
  ports: Ports,
  id: string,
  end: (now: Distribution) => Distribution,
  missed = false,
): Promise<void> {
  const next = await untilSettled(async () => {
    const record = await readDistribution(ports, id);
    const { queue, write } = await readQueue(ports, record.value.spaceId);
    if (!queue.waiting.includes(id)) return undefined;
    const waiting = queue.waiting.filter((other) => other !== id);
    const first =
      queue.waiting[0] === id && waiting[0] ? await readDistribution(ports, waiting[0]) : undefined;
    await ports.records.write([
      {
        put: keys.distribution(id),
        value: isOver(record.value.status) ? record.value : end(record.value),
        if: { revision: record.revision },
      },
      write({ ...queue, waiting, ...(missed && { missed }) }),
      forgetLaunch(launchOf(record.value)),
      ...(first ? [recordLaunch(launchOf(first.value))] : []),
    ]);
    return first && launchOf(first.value);
  });
  if (next) await launch(ports, next);
}

/** Ends a distribution that waits, or asks one that runs to begin no further target. */
export const cancel = (ports: Ports, id: string): Promise<Distribution> =>
  untilSettled(async () => {
    const { value: now, revision } = await readDistribution(ports, id);
    if (isOver(now.status)) throw new AppError('not-now', `It is over already: ${now.status}.`);
    const { queue, write } = await readQueue(ports, now.spaceId);
    const runs = queue.waiting[0] === id;
    const finishedAt = new Date(ports.now()).toISOString();
    const value: Distribution = runs
      ? { ...now, cancelling: true }
      : { ...now, status: 'cancelled', finishedAt };
    const waiting = runs ? queue.waiting : queue.waiting.filter((other) => other !== id);
    // The queue is written in any case: should it have moved meanwhile, this is decided anew.
    await ports.records.write([
      { put: keys.distribution(id), value, if: { revision } },
      write({ ...queue, waiting }),
    ]);
    return value;
  });

async function readDistribution(ports: Ports, id: string): Promise<StoredRecord<Distribution>> {
  const record = await ports.records.get<Distribution>(keys.distribution(id));
  if (!record) throw notFound('distribution with that id');
  return record;
}

/** Changes the record of a distribution. */
export const update = (
  ports: Ports,
  id: string,
  change: (now: Distribution) => Distribution | Promise<Distribution>,
): Promise<Distribution> =>
  untilSettled(async () => {
    const { value: before, revision } = await readDistribution(ports, id);
    const value = await change(before);
    if (value !== before)
      await ports.records.write([{ put: keys.distribution(id), value, if: { revision } }]);
    return value;
  });
