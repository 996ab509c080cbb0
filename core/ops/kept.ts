// What was deleted and may come back: until when, and whether all it held is still stored, for nothing held it meanwhile.

import { AppError, isCode } from '../errors.ts';
import { keys } from '../model/keys.ts';
import { undeleteUntil } from '../model/retention.ts';
import type { Ports, RecordKey } from '../ports.ts';
import { Reachable } from '../tree/reachable.ts';
import type { BlobRecord } from './blobs.ts';
import type { Hold } from './holds.ts';
import { untilSettled } from './retry.ts';

export interface Deleted {
  readonly id: string;
  readonly name: string;
  readonly deletedAt: string;
  /** Until when it can be brought back. */
  readonly undeleteUntil: string;
}

export const deletedView = (
  { settings }: Ports,
  { id, name, deletedAt }: { id: string; name: string; deletedAt?: string | undefined },
): Deleted => ({
  id,
  name,
  deletedAt: deletedAt!,
  undeleteUntil: new Date(undeleteUntil(deletedAt!, settings)).toISOString(),
});

export const isInGrace = ({ settings, now }: Ports, deletedAt: string, atMs = now()): boolean =>
  undeleteUntil(deletedAt, settings) > atMs;

export function requireInGrace(ports: Ports, deletedAt: string, atMs = ports.now()): void {
  if (isInGrace(ports, deletedAt, atMs)) return;
  throw new AppError('gone', `It was deleted at ${deletedAt}, and its grace is over.`);
}

type Trees = Pick<Hold, 'roots' | 'compared' | 'parts'>;

const gone = (cause?: unknown): AppError =>
  new AppError('gone', 'Some of what it held has been reclaimed.', { cause });

/** Trees are read and stored again so many pages at a time. */
const pagesAtOnce = 200;

/**
 * Throws `gone` unless every page and blob is there, and sees to it that they stay: a reclaim may have condemned them after
 * an earlier deletion, and be about to delete them. Pages are stored again, which rescues them.
 */
export async function requireKept(ports: Ports, holds: readonly Trees[]): Promise<void> {
  const { pages, blobs } = await reachedBy(ports, holds);
  const hashes = [...pages];
  for (let i = 0; i < hashes.length; i += pagesAtOnce)
    await ports.pages.putMany(await unlessGone(() => ports.pages.getMany(hashes.slice(i, i + pagesAtOnce))));
  const records = await ports.records.getMany<BlobRecord>([...blobs].map(keys.blob));
  if (records.length < blobs.size) throw gone();
  const condemned = records.filter(({ value }) => value.condemnedAt !== undefined);
  for (const record of condemned) await rescue(ports, record);
}

async function reachedBy({ pages }: Ports, holds: readonly Trees[]): Promise<Reachable> {
  const reachable = new Reachable(pages);
  await unlessGone(() => reachable.addTrees(holds.flatMap(({ roots }) => roots)));
  await unlessGone(() => reachable.addPages(holds.flatMap(({ compared = [] }) => compared)));
  for (const { parts = [] } of holds) for (const { sha256 } of parts) reachable.blobs.add(sha256);
  return reachable;
}

async function unlessGone<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw isCode(error, 'damaged') ? gone(error) : error;
  }
}

const rescue = (ports: Ports, { partition, sort }: RecordKey): Promise<void> =>
  untilSettled(async () => {
    const record = await ports.records.get<BlobRecord>({ partition, sort });
    if (!record || record.value.doomed) throw gone();
    const { condemnedAt, ...value } = record.value;
    if (condemnedAt === undefined) return;
    await ports.records.write([{ put: { partition, sort }, value, if: { revision: record.revision } }]);
  });
