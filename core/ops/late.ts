// Late successes: what a target had missed and has got since is entered where the failure stood.

import { type Batch, type Distribution, isOver, type TargetResult } from '../model/distribution.ts';
import { keys } from '../model/keys.ts';
import type { Ports } from '../ports.ts';
import { update } from './distribution-queue.ts';
import { sumTallies, tallyWrite } from './reports.ts';
import { untilSettled } from './retry.ts';

/** What an earlier distribution brought to a target in the end. */
export interface Late {
  readonly earlier: Distribution;
  readonly result: TargetResult;
}

/** Looks once through the batches of each earlier distribution; that something was missed is forgotten last. */
export async function settleLate(ports: Ports, late: readonly Late[]): Promise<void> {
  for (const group of Map.groupBy(late, ({ earlier }) => earlier.id).values()) {
    const { earlier } = group[0]!;
    const results = new Map(group.map(({ result }) => [result.instanceId, result]));
    for (let batch = 0; batch < (earlier.batches ?? 0); batch++)
      await enterResults(ports, earlier.id, batch, results);
    await update(ports, earlier.id, async (now) => {
      if (!isOver(now.status)) return now;
      const counted = await sumTallies(ports, earlier);
      return {
        ...now,
        ...counted,
        status: counted.progress.failed > 0 ? 'completed-with-errors' : 'completed',
      };
    });
    const forget = [...results.keys()].map((instance) => ({ delete: keys.missed(instance, earlier.order) }));
    for (let i = 0; i < forget.length; i += 100) await ports.records.write(forget.slice(i, i + 100));
  }
}

const enterResults = (
  ports: Ports,
  id: string,
  batch: number,
  results: ReadonlyMap<string, TargetResult>,
): Promise<void> =>
  untilSettled(async () => {
    const { value, revision } = (await ports.records.get<Batch>(keys.batch(id, batch)))!;
    if (!value.targets.some(({ instanceId }) => results.has(instanceId))) return;
    const targets = value.targets.map((target) => results.get(target.instanceId) ?? target);
    await ports.records.write([
      { put: keys.batch(id, batch), value: { targets } satisfies Batch, if: { revision } },
      await tallyWrite(ports, id, batch, targets),
    ]);
  });
