// Applies a distribution, recall or undo to one target: one batch of two writes, once, however often it is asked.

import { AppError } from '../errors.ts';
import type { Distribution, TargetResult } from '../model/distribution.ts';
import type { InstanceEntry } from '../model/journal.ts';
import { keys, padded, partitions, prefixes } from '../model/keys.ts';
import type { Digest, Ports, RecordWrite } from '../ports.ts';
import { systemCall } from './call.ts';
import { getDistribution } from './distribution-views.ts';
import { append } from './journal.ts';
import type { Late } from './late.ts';
import { markOf, safetySnapshotId } from './marks.ts';
import { mergeFor } from './merges.ts';
import { safetySnapshot } from './snapshots.ts';

const journalActions = { distribution: 'distribute', recall: 'recall', undo: 'undo' } as const;

const longestReason = 300;

/**
 * The result for a target; one that cannot take it fails alone. Only `busy` is thrown: the step is tried again. Where
 * targets may have missed something earlier, that comes first and is added to `late`.
 */
export async function applyTarget(
  ports: Ports,
  distribution: Distribution,
  target: TargetResult,
  late?: Late[],
): Promise<TargetResult> {
  const { instanceId, planned } = target;
  try {
    if (late) await catchUp(ports, distribution, instanceId, late);
    const report = await changeTarget(ports, distribution, instanceId, planned);
    if (distribution.runs > 1)
      await ports.records.write([{ delete: keys.missed(instanceId, distribution.order) }]);
    return { instanceId, status: 'done', report };
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'busy') throw error;
    const moved = error.code === 'moved' && { moved: true as const };
    return { ...target, status: 'failed', error: error.message.slice(0, longestReason), ...moved };
  }
}

async function changeTarget(
  ports: Ports,
  distribution: Distribution,
  instance: string,
  planned: TargetResult['planned'],
): Promise<Digest> {
  const { id, kind, order, safetySnapshots, message } = distribution;
  const call = systemCall(ports, distribution.createdBy);
  const once = markOf(distribution, instance);
  const snapshotId = safetySnapshotId(distribution, instance);
  let report: Digest | undefined;
  const entry = await append(
    call,
    instance,
    { action: journalActions[kind], cause: id, once },
    async (head) => {
      if (planned && (head.root !== planned.root || head.delivered !== planned.delivered))
        throw new AppError('moved', 'The instance has changed since the plan was made.');
      const merged = await mergeFor(ports, distribution, instance, head);
      const { state, counts } = merged;
      report = merged.report;
      if (state.root === head.root && state.delivered === head.delivered) return undefined;
      const mark: RecordWrite = safetySnapshots
        ? safetySnapshot(call, instance, head, snapshotId, `Before ${kind} ${order}`)
        : { put: once.key, value: { sequence: head.sequence + 1 }, if: 'absent' };
      const details = { report, ...(safetySnapshots && { snapshotId }) };
      return { state, also: [mark], counts, message, details };
    },
  );
  return entry.cause === id ? reportIn(entry) : report!;
}

/** The report that a journal entry of a distribution names. */
export const reportIn = (entry: InstanceEntry): Digest => (entry.details as { report: Digest }).report;

/** What an earlier distribution failed to bring comes first; while it cannot, nothing later may. */
async function catchUp(
  ports: Ports,
  distribution: Distribution,
  instanceId: string,
  late: Late[],
): Promise<void> {
  const missed = await ports.records.query<string>({
    partition: partitions.instance(instanceId),
    prefix: prefixes.missed,
  });
  for (const { sort, value: id } of missed) {
    if (sort >= prefixes.missed + padded(distribution.order)) return;
    const earlier = await getDistribution(ports, id);
    const result = await applyTarget(ports, earlier, { instanceId, status: 'pending' });
    if (result.status === 'failed')
      throw new AppError(
        'not-now',
        `Number ${earlier.order}, which comes before, did not reach it: ${result.error}`,
      );
    late.push({ earlier, result });
  }
}
