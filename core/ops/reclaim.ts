// Reclaims as a manager sees them: asking for one, following it, and what each deleted. One runs at a time.

import { AppError, notFound } from '../errors.ts';
import { isId } from '../model/ids.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import {
  type Chunk,
  isOver,
  nothingReclaimed,
  type Reclaim,
  type ReclaimCounts,
  type ReclaimStatus,
} from '../model/reclaim.ts';
import type { Ports, StoredRecord } from '../ports.ts';
import { type Call, nowText, systemCall } from './call.ts';
import { publish } from './events.ts';
import { forgetLaunch, type Launch, launch, recordLaunch } from './launch.ts';
import { eachRecord, firstValues } from './paging.ts';
import { inParallel, untilSettled } from './retry.ts';

export const reclaimWorkflow = 'reclaim';

const launchOf = (id: string): Launch => ({ workflow: reclaimWorkflow, id, input: { reclaim: id } });

/** Starts a reclaim, unless one is under way. */
export async function acceptReclaim(call: Call, dryRun: boolean): Promise<Reclaim> {
  const { ports, actor } = call;
  const id = call.newId('reclaim');
  const accepted = await untilSettled(async () => {
    const before = await ports.records.get<Reclaim>(keys.reclaim(id));
    if (before) return before.value;
    const running = await ports.records.get<string>(keys.reclaiming);
    if (running)
      throw new AppError('not-now', `Reclaim ${running.value} is under way; one runs at a time.`, {
        extra: { reclaim: running.value },
      });
    const createdAt = nowText(call);
    const reclaim: Reclaim = {
      id,
      status: 'queued',
      dryRun,
      createdAt,
      createdBy: actor.user,
      ...nothingReclaimed,
    };
    await ports.records.write([
      { put: keys.reclaim(id), value: reclaim, if: 'absent' },
      { put: keys.reclaimIndex(id), value: id },
      { put: keys.reclaiming, value: id, if: 'absent' },
      recordLaunch(launchOf(id)),
    ]);
    return reclaim;
  });
  if (!isOver(accepted.status)) await launch(ports, launchOf(id));
  return accepted;
}

/** Who a reclaim is by that the clock asked for. */
const clock = 'service';

/** Starts a reclaim when the last one began at least that long ago, and none is under way. */
export async function reclaimWhenDue(ports: Ports, everySeconds: number): Promise<Reclaim | undefined> {
  const newestFirst = { partition: partitions.reclaims, prefix: prefixes.reclaim, reverse: true };
  for await (const { value: id } of eachRecord<string>(ports.records, newestFirst)) {
    const { value: last } = await readReclaim(ports, id);
    if (!isOver(last.status)) return undefined;
    if (!last.dryRun && Date.parse(last.createdAt) + everySeconds * 1_000 > ports.now()) return undefined;
    if (!last.dryRun) break;
  }
  return acceptReclaim(systemCall(ports, clock), false);
}

export async function readReclaim(ports: Ports, id: string): Promise<StoredRecord<Reclaim>> {
  const record = isId('reclaim', id) ? await ports.records.get<Reclaim>(keys.reclaim(id)) : undefined;
  if (!record) throw notFound('reclaim with that id');
  return record;
}

export type ReclaimView = Omit<Reclaim, 'chunks'>;

/** With what was deleted so far: final for what is over, else added up from its chunks. */
export async function viewReclaim(ports: Ports, id: string): Promise<ReclaimView> {
  const { chunks, ...reclaim } = (await readReclaim(ports, id)).value;
  if (isOver(reclaim.status) || reclaim.dryRun || chunks === undefined) return reclaim;
  return { ...reclaim, ...(await deletedBy(ports, id)) };
}

/** A page of the reclaims, newest first. */
export async function listReclaims(
  ports: Ports,
  before: string | undefined,
  limit: number,
): Promise<ReclaimView[]> {
  const query = { partition: partitions.reclaims, prefix: prefixes.reclaim, reverse: true };
  const ids = await firstValues<string>(ports.records, query, before, limit);
  return inParallel(ids, 16, (id) => viewReclaim(ports, id));
}

async function* chunksOf(ports: Ports, id: string): AsyncGenerator<Chunk> {
  const query = { partition: partitions.reclaim(id), prefix: prefixes.chunk };
  for await (const { value } of eachRecord<Chunk>(ports.records, query)) yield value;
}

/** What the chunks that are done have deleted. */
export async function deletedBy(ports: Ports, id: string): Promise<Pick<ReclaimCounts, 'deleted' | 'bytes'>> {
  let deleted = 0;
  let bytes = 0;
  for await (const { pages, blobs, done } of chunksOf(ports, id)) {
    if (!done) continue;
    const rescued = new Set(done.rescued);
    deleted += pages.length + blobs.length - rescued.size;
    for (const blob of blobs) if (!rescued.has(blob.sha256)) bytes += blob.size;
  }
  return { deleted, bytes };
}

export interface Deletion {
  readonly kind: 'page' | 'blob';
  readonly sha256: string;
  /** Of a blob: the version that the store had given it, and its size. */
  readonly version?: string;
  readonly bytes?: number;
  /** Since when nothing had held it: the reason. */
  readonly condemnedAt: string;
  readonly outcome: 'planned' | 'deleted' | 'rescued';
}

/** A page of what a reclaim decided to delete, from the `from`-th on, and what came of each. */
export async function listDeletions(
  ports: Ports,
  id: string,
  from: number,
  limit: number,
): Promise<{ items: Deletion[]; next: string | null }> {
  const items: Deletion[] = [];
  let index = -1;
  for await (const chunk of chunksOf(ports, id))
    for (const deletion of deletionsOf(chunk)) {
      index++;
      if (index < from) continue;
      if (items.length === limit) return { items, next: String(index) };
      items.push(deletion);
    }
  return { items, next: null };
}

function deletionsOf({ pages, blobs, done }: Chunk): Deletion[] {
  const rescued = new Set(done?.rescued);
  const outcomeOf = (hash: string) => (!done ? 'planned' : rescued.has(hash) ? 'rescued' : 'deleted');
  const timeOf = (ms: number) => new Date(ms).toISOString();
  return [
    ...pages.map(({ hash, condemnedAt }) => ({
      kind: 'page' as const,
      sha256: hash,
      condemnedAt: timeOf(condemnedAt),
      outcome: outcomeOf(hash),
    })),
    ...blobs.map(({ sha256, version, size, condemnedAt }) => ({
      kind: 'blob' as const,
      sha256,
      version,
      bytes: size,
      condemnedAt: timeOf(condemnedAt),
      outcome: outcomeOf(sha256),
    })),
  ] as Deletion[];
}

/** Changes the record of a reclaim that is not over. */
export const updateReclaim = (
  ports: Ports,
  id: string,
  change: (now: Reclaim) => Reclaim,
): Promise<Reclaim> =>
  untilSettled(async () => {
    const { value: before, revision } = await readReclaim(ports, id);
    if (isOver(before.status)) return before;
    const value = change(before);
    await ports.records.write([{ put: keys.reclaim(id), value, if: { revision } }]);
    return value;
  });

/** Keeps what a step failed of, in its own words: a workflow tells an error's name alone. */
export const noteError = (ports: Ports, id: string, error: unknown): Promise<Reclaim> =>
  updateReclaim(ports, id, (now) => ({
    ...now,
    error: error instanceof Error ? error.message : String(error),
  }));

/** The last step, whatever came before: says how it ended, and lets the next one begin. */
export async function endReclaim(
  ports: Ports,
  id: string,
  status: Extract<ReclaimStatus, 'completed' | 'failed'>,
  error?: string,
): Promise<void> {
  const { value: now, revision } = await readReclaim(ports, id);
  if (isOver(now.status)) return;
  const counted = now.dryRun ? {} : await deletedBy(ports, id);
  const finishedAt = new Date(ports.now()).toISOString();
  const { error: noted, ...rest } = now;
  const reason = status === 'failed' && { error: noted ?? error ?? 'unknown' };
  const value: Reclaim = { ...rest, ...counted, status, finishedAt, ...reason };
  await ports.records.write([
    { put: keys.reclaim(id), value, if: { revision } },
    { delete: keys.reclaiming },
    forgetLaunch(launchOf(id)),
  ]);
  const { marked, condemned, deleted, bytes } = value;
  await publish(ports, `reclaim.${status}`, { reclaimId: id, marked, condemned, deleted, bytes });
}
