// Who has missed what. An instance that was restored to a state from before a distribution to all no longer has it: it is
// behind, and can be brought up to date in one call.

import { AppError } from '../errors.ts';
import type { Distribution } from '../model/distribution.ts';
import { sameEntry } from '../model/entry.ts';
import type { InstanceEntry, State } from '../model/journal.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import { joinRanges } from '../model/scope.ts';
import type { Instance, Space } from '../model/space.ts';
import type { Ports } from '../ports.ts';
import { deliver } from '../tree/deliver.ts';
import { diff } from '../tree/diff.ts';
import { type Edit, editTree } from '../tree/edit.ts';
import { emptyRoot } from '../tree/page.ts';
import { readerOf } from '../tree/reader.ts';
import { getEntry } from '../tree/walk.ts';
import type { Call } from './call.ts';
import { distributedInstance } from './distribution-targets.ts';
import { getDistribution } from './distribution-views.ts';
import { append, currentOf, stateOf } from './journal.ts';
import { entryMadeBy } from './marks.ts';
import { mergeFor } from './merges.ts';
import { eachRecord } from './paging.ts';
import { safetySnapshot } from './snapshots.ts';
import { requireHistory } from './states.ts';

/** A distribution, recall or undo that an instance lacks. */
export interface Missing {
  readonly distributionId: string;
  readonly order: number;
}

const given: ReadonlySet<string> = new Set(['distribute', 'recall', 'undo']);

/**
 * What was given to all and is not in the current state, in order. Where Distributed delivered what the instance has last got, that is a
 * matter of three reads; else both journals are looked through.
 */
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
      | { from?: { instance: string; version: number }; whole?: boolean; distributions?: string[] }
      | undefined;
    for (const cause of details?.distributions ?? [entry.cause]) causes.add(cause);
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

/**
 * Brings an instance up to date in one entry: recalls and undos it lacks are done, and of what it lacks the newest that was
 * given to all comes, path by path. What came later and is there already stays.
 */
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
  const snapshotId = call.newId('snapshot');
  let applied: Missing[] = [];
  const entry = await append(call, instance.id, { action: 'catch-up', cause: call.id }, async (head) => {
    applied = await missingFrom(ports, instance);
    if (applied.length === 0) return undefined;
    const state = await upToDate(call, instance, head, applied);
    const details = { distributions: applied.map((missing) => missing.distributionId), snapshotId };
    return {
      state,
      also: [safetySnapshot(call, instance.id, head, snapshotId, 'Before catching up')],
      details,
    };
  });
  const { snapshotId: kept } = (entry.cause === call.id ? entry.details : {}) as { snapshotId?: string };
  return { entry, applied, safetySnapshotId: kept ?? null };
}

async function upToDate(
  call: Call,
  instance: Instance,
  head: InstanceEntry,
  missing: readonly Missing[],
): Promise<State> {
  const { ports } = call;
  const read = readerOf(ports.pages);
  let now = head;
  const keysGiven = new Set<string>();
  for (const { distributionId } of missing) {
    const distribution = await getDistribution(ports, distributionId);
    if (distribution.kind === 'distribution') {
      for await (const key of keysOf(ports, distribution)) keysGiven.add(key);
      continue;
    }
    if (distribution.kind === 'undo') {
      const undone = await getDistribution(ports, distribution.undoes);
      await requireHistory(ports, undone.spaceId, undone.createdAt);
    }
    now = { ...now, ...(await mergeFor(ports, distribution, instance.id, now)).state };
  }
  const distributed = await currentOf(ports, await distributedOf(ports, instance));
  const edits: Edit[] = [];
  for (const key of keysGiven) edits.push({ key, entry: await getEntry(read, distributed.delivered, key) });
  const payload = await editTree(
    read,
    emptyRoot,
    edits.filter((edit) => edit.entry),
  );
  await ports.pages.putMany(payload.pages);
  const delivery = await deliver(read, {
    base: now.delivered,
    payload: payload.root,
    target: now.root,
    scope: joinRanges([...keysGiven].map((key) => ({ from: key, to: `${key}\0` }))),
    strategies: { file: 'merge', table: 'merge', app: 'merge' },
    day: new Date(ports.now()).toISOString().slice(0, 10),
  });
  await ports.pages.putMany(delivery.pages);
  return stateOf(delivery);
}

/** The keys that a distribution delivered to Distributed. */
async function* keysOf(ports: Ports, distribution: Distribution): AsyncGenerator<string> {
  const [distributed] = await distributedInstance(ports, distribution.spaceId);
  const after = await entryMadeBy(ports, distribution, distributed!);
  if (!after) return;
  const before = await ports.records.get<InstanceEntry>(
    keys.journal(partitions.instance(distributed!), after.sequence - 1),
  );
  for await (const { key } of diff(readerOf(ports.pages), before!.value.delivered, after.delivered))
    yield key;
}

async function distributedOf(ports: Ports, { spaceId }: Instance): Promise<string> {
  return (await distributedInstance(ports, spaceId))[0]!;
}
