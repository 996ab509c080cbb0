// Who has missed what. An instance that was restored to a state from before a distribution to all no longer has it: it is
// behind, and can be brought up to date with the very distributions it lacks, in their order.

import { AppError } from '../errors.ts';
import type { Distribution } from '../model/distribution.ts';
import { sameEntry } from '../model/entry.ts';
import type { InstanceEntry } from '../model/journal.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import type { Instance, Space } from '../model/space.ts';
import type { Ports } from '../ports.ts';
import { diff } from '../tree/diff.ts';
import { readerOf } from '../tree/reader.ts';
import { getEntry } from '../tree/walk.ts';
import type { Call } from './call.ts';
import { getDistribution } from './distribution-views.ts';
import { append, currentOf } from './journal.ts';
import { mergeFor } from './merges.ts';
import { eachRecord } from './paging.ts';
import { safetySnapshot } from './snapshots.ts';

/** A distribution, recall or undo that an instance lacks. */
export interface Missing {
  readonly distributionId: string;
  readonly order: number;
}

const given: ReadonlySet<string> = new Set(['distribute', 'recall', 'undo']);

/** What was given to all and is not in the current state, in order. One read when nothing is missing. */
export async function missingFrom(ports: Ports, instance: Instance): Promise<Missing[]> {
  if (instance.kind !== 'student' && instance.kind !== 'group') return [];
  const { distributedInstanceId } = (await ports.records.get<Space>(keys.space(instance.spaceId)))!.value;
  if (distributedInstanceId === null) return [];
  const [head, distributed] = await Promise.all([
    currentOf(ports, instance.id),
    currentOf(ports, distributedInstanceId),
  ]);
  if (head.delivered === distributed.delivered) return [];
  const { causes, since } = await lineage(ports, instance.id, distributedInstanceId);
  const missing: Missing[] = [];
  for await (const entry of entriesOf(ports, distributedInstanceId)) {
    if (entry.sequence <= since || !given.has(entry.action) || causes.has(entry.cause)) continue;
    if (await isReflected(ports, distributedInstanceId, entry, head)) continue;
    const { id, order } = await getDistribution(ports, entry.cause);
    missing.push({ distributionId: id, order });
  }
  return missing.sort((a, b) => a.order - b.order);
}

/**
 * What the current state came about by: the causes of its journal entries, going back from state to state (a restore
 * jumps to what it restored), and the version of Distributed that the instance began with.
 */
async function lineage(
  ports: Ports,
  instance: string,
  distributed: string,
): Promise<{ causes: Set<string>; since: number }> {
  const causes = new Set<string>();
  let at: { instance: string; version: number } | undefined = {
    instance,
    version: (await currentOf(ports, instance)).sequence,
  };
  while (at) {
    if (at.instance === distributed) return { causes, since: at.version };
    const key = keys.journal(partitions.instance(at.instance), at.version);
    const entry: InstanceEntry = (await ports.records.get<InstanceEntry>(key))!.value;
    const details = entry.details as
      | { from?: { instance: string; version: number }; whole?: boolean; distribution?: string }
      | undefined;
    causes.add(details?.distribution ?? entry.cause);
    const jumps = entry.action === 'create' || (entry.action === 'restore' && details?.whole);
    if (jumps) at = details?.from;
    else at = { instance: at.instance, version: at.version - 1 };
  }
  return { causes, since: 0 };
}

async function* entriesOf(ports: Ports, instance: string): AsyncGenerator<InstanceEntry> {
  const query = { partition: partitions.instance(instance), prefix: prefixes.journal };
  for await (const { value } of eachRecord<InstanceEntry>(ports.records, query)) yield value;
}

/** Whether an instance counts all that an entry of Distributed delivered as delivered: then it changed nothing there. */
async function isReflected(ports: Ports, distributed: string, entry: InstanceEntry, head: InstanceEntry) {
  const read = readerOf(ports.pages);
  const before = (await ports.records.get<InstanceEntry>(
    keys.journal(partitions.instance(distributed), entry.sequence - 1),
  ))!.value;
  for await (const { key, to } of diff(read, before.delivered, entry.delivered))
    if (!sameEntry(await getEntry(read, head.delivered, key), to)) return false;
  return true;
}

/** Applies what an instance lacks, each as an entry of its own, after one safety snapshot. */
export async function catchUp(
  call: Call,
  instance: Instance,
): Promise<{ entry: InstanceEntry; applied: Missing[]; safetySnapshotId: string | null }> {
  const { ports } = call;
  if (instance.kind !== 'student' && instance.kind !== 'group')
    throw new AppError(
      'impossible',
      'Only the instances of students and groups follow what was given to all.',
    );
  const applied = await missingFrom(ports, instance);
  const snapshotId = call.newId('snapshot');
  for (const [index, { distributionId }] of applied.entries())
    await applyMissing(
      call,
      instance.id,
      await getDistribution(ports, distributionId),
      index === 0 ? snapshotId : null,
    );
  const entry = await currentOf(ports, instance.id);
  return { entry, applied, safetySnapshotId: applied.length > 0 ? snapshotId : null };
}

function applyMissing(
  call: Call,
  instance: string,
  distribution: Distribution,
  snapshotId: string | null,
): Promise<InstanceEntry> {
  const cause = call.newId('request', distribution.id);
  return append(call, instance, { action: 'catch-up', cause }, async (head) => {
    const { state, counts } = await mergeFor(call.ports, distribution, instance, head);
    const safety = snapshotId && safetySnapshot(call, instance, head, snapshotId, 'Before catching up');
    return { state, counts, also: safety ? [safety] : [], details: { distribution: distribution.id } };
  });
}
