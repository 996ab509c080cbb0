// Taking, listing and deleting snapshots, and restoring from them. Each is one batch of two small writes, whatever the
// size of the instance.

import { AppError, notFound } from '../errors.ts';
import type { InstanceEntry } from '../model/journal.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import { joinRanges, rangeOf, type Selector } from '../model/scope.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Digest, RecordWrite } from '../ports.ts';
import { deliver } from '../tree/deliver.ts';
import { type Call, nowText, reader } from './call.ts';
import { append, stateOf } from './journal.ts';
import { type Deleted, deletedView, isInGrace, requireInGrace, requireKept } from './kept.ts';
import { eachRecord, firstValues } from './paging.ts';
import { requireQuota } from './settings.ts';
import type { StageItem } from './stage.ts';
import { getSnapshot, type ResolvedState, resolveState } from './states.ts';

export interface SnapshotWanted {
  readonly name: string;
  readonly description?: string | undefined;
  readonly ifMatch?: string | undefined;
}

export async function takeSnapshot(call: Call, instance: string, wanted: SnapshotWanted): Promise<Snapshot> {
  const id = call.newId('snapshot');
  const { ifMatch } = wanted;
  const entry = await append(call, instance, { action: 'snapshot', cause: id, ifMatch }, async (head) => {
    const snapshot: Snapshot = {
      ...stateOf(head),
      id,
      name: wanted.name,
      description: wanted.description ?? '',
      kind: 'manual',
      version: head.sequence + 1,
      createdAt: nowText(call),
      createdBy: call.actor.user,
    };
    return { state: head, also: [putSnapshot(instance, snapshot)], details: { name: wanted.name } };
  });
  return getSnapshot(call, instance, entry.cause);
}

const putSnapshot = (instance: string, snapshot: Snapshot): RecordWrite => ({
  put: keys.snapshot(instance, snapshot.id),
  value: snapshot,
  if: 'absent',
});

/** The write that keeps the state of `head` before something changes it. */
export const safetySnapshot = (
  call: Call,
  instance: string,
  head: InstanceEntry,
  id: string,
  reason: string,
): RecordWrite =>
  putSnapshot(instance, {
    ...stateOf(head),
    id,
    name: reason,
    description: 'Taken by the service, so that what follows can be undone.',
    kind: 'safety',
    version: head.sequence,
    createdAt: nowText(call),
    createdBy: call.actor.user,
  });

/** A page of an instance's snapshots, oldest first. */
export const listSnapshots = (
  call: Call,
  instance: string,
  after: string | undefined,
  limit: number,
): Promise<Snapshot[]> =>
  firstValues<Snapshot>(
    call.ports.records,
    { partition: partitions.instance(instance), prefix: prefixes.snapshot },
    after,
    limit,
    (snapshot) => !snapshot.deletedAt,
  );

export async function deleteSnapshot(call: Call, instance: string, id: string): Promise<void> {
  const cause = call.newId('request');
  await append(call, instance, { action: 'snapshot-deleted', cause }, async (head) => {
    const snapshot = await getSnapshot(call, instance, id);
    await requireUnstaged(call, instance, id);
    const value: Snapshot = { ...snapshot, deletedAt: nowText(call) };
    return {
      state: head,
      also: [{ put: keys.snapshot(instance, id), value, if: 'present' }],
      details: { snapshot: id, name: snapshot.name },
    };
  });
}

/** A stage that names a snapshot holds it. */
async function requireUnstaged({ ports }: Call, instance: string, id: string): Promise<void> {
  const query = { partition: partitions.instance(instance), prefix: prefixes.stage };
  const holds: { kind: string; id: string }[] = [];
  for await (const { sort, value } of eachRecord<readonly StageItem[]>(ports.records, query))
    if (value.some(({ state }) => state === id))
      holds.push({ kind: 'stage', id: sort.slice(prefixes.stage.length) });
  if (holds.length > 0)
    throw new AppError('held', `It is on the stage of ${holds.map((hold) => hold.id).join(', ')}.`, {
      extra: { holds },
    });
}

/** Brings a deleted snapshot back while its grace lasts. One of the service's own is a person's from then on. */
export async function undeleteSnapshot(call: Call, instance: string, id: string): Promise<Snapshot> {
  const { ports } = call;
  const cause = call.newId('request');
  await append(call, instance, { action: 'snapshot-undeleted', cause }, async (head, atMs) => {
    const record = await ports.records.get<Snapshot>(keys.snapshot(instance, id));
    if (!record) throw notFound('snapshot with that id');
    const { deletedAt, expired: _, ...snapshot } = record.value;
    if (!deletedAt) return undefined;
    requireInGrace(ports, deletedAt, atMs);
    await requireKept(ports, [{ roots: [snapshot.root], compared: [snapshot.delivered] }]);
    return {
      state: head,
      also: [
        {
          put: keys.snapshot(instance, id),
          value: { ...snapshot, kind: 'manual' } satisfies Snapshot,
          if: { revision: record.revision },
        },
      ],
      details: { snapshot: id, name: snapshot.name },
    };
  });
  return getSnapshot(call, instance, id);
}

/** A page of the deleted snapshots that can still be brought back, oldest first. */
export async function listDeletedSnapshots(
  { ports }: Call,
  instance: string,
  after: string | undefined,
  limit: number,
): Promise<Deleted[]> {
  const found = await firstValues<Snapshot>(
    ports.records,
    { partition: partitions.instance(instance), prefix: prefixes.snapshot },
    after,
    limit,
    ({ deletedAt }) => deletedAt !== undefined && isInGrace(ports, deletedAt),
  );
  return found.map((snapshot) => deletedView(ports, snapshot));
}

export interface Restore {
  readonly state: string;
  /** The instance whose state it is; the restored one itself when left out. */
  readonly from: string;
  readonly paths?: readonly Selector[] | undefined;
  readonly safetySnapshot: boolean;
  readonly ifMatch?: string | undefined;
}

export interface Restored {
  readonly root: Digest;
  readonly version: number;
  readonly safetySnapshotId: string | null;
}

/** Makes an earlier state, or some of its paths, the current one. The state before is kept as a safety snapshot. */
export async function restore(call: Call, instance: string, wanted: Restore): Promise<Restored> {
  const source = await resolveState(call, wanted.from, wanted.state, '/state');
  const snapshotId = wanted.safetySnapshot ? call.newId('snapshot') : null;
  const cause = call.id;
  const entry = await append(
    call,
    instance,
    { action: 'restore', cause, ifMatch: wanted.ifMatch },
    async (head) => {
      const restored = wanted.paths
        ? await restorePaths(call, head, source, wanted.paths)
        : { state: stateOf(source), pages: [] };
      await requireQuota(call.ports, instance, head, restored.state);
      const reason = `Before restoring ${wanted.state}`;
      const safety = snapshotId && safetySnapshot(call, instance, head, snapshotId, reason);
      const from = { state: wanted.state, instance: wanted.from, version: source.version };
      return {
        ...restored,
        also: safety ? [safety] : [],
        details: { from, whole: !wanted.paths, ...(snapshotId && { snapshotId }) },
      };
    },
  );
  const { snapshotId: kept } = entry.details as { snapshotId?: string };
  return { root: entry.root, version: entry.sequence, safetySnapshotId: kept ?? null };
}

/** Some paths only: a distribution from the old state to the instance itself. What was last delivered stays known. */
async function restorePaths(
  call: Call,
  head: InstanceEntry,
  source: ResolvedState,
  paths: readonly Selector[],
): Promise<{ state: InstanceEntry; pages: Awaited<ReturnType<typeof deliver>>['pages'] }> {
  const scope = joinRanges(paths.map((path, index) => rangeOf(path, `/paths/${index}`)));
  const result = await deliver(reader(call), {
    base: head.delivered,
    payload: source.root,
    target: head.root,
    scope,
    strategies: { file: 'overwrite', table: 'overwrite', app: 'overwrite' },
    day: nowText(call).slice(0, 10),
  });
  const { counts, root, entries, bytes, pages } = result;
  if (Object.values(counts).every((count) => count === 0))
    throw new AppError('impossible', 'None of these paths exists in that state.', {
      errors: paths.map((path, index) => ({
        pointer: `/paths/${index}`,
        detail: `Nothing at ${path.path ?? path.prefix}.`,
      })),
    });
  return { state: { ...head, root, entries, bytes }, pages };
}
