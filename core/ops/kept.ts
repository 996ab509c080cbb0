// What was deleted and may come back: until when, and whether all it held is still stored, for nothing held it meanwhile.

import { AppError, isCode } from '../errors.ts';
import { keys } from '../model/keys.ts';
import { undeleteUntil } from '../model/retention.ts';
import type { Ports } from '../ports.ts';
import { Reachable } from '../tree/reachable.ts';
import type { BlobRecord } from './blobs.ts';
import type { Hold } from './holds.ts';

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

type Trees = Pick<Hold, 'roots' | 'compared'>;

const gone = (cause?: unknown): AppError =>
  new AppError('gone', 'Some of what it held has been reclaimed.', { cause });

/** Throws `gone` unless every page and blob is there to stay. Reads each page, and the record of each blob. */
export async function requireKept(ports: Ports, holds: readonly Trees[]): Promise<void> {
  const reachable = new Reachable(ports.pages);
  try {
    await reachable.addTrees(holds.flatMap(({ roots }) => roots));
    await reachable.addPages(holds.flatMap(({ compared = [] }) => compared));
  } catch (error) {
    throw isCode(error, 'damaged') ? gone(error) : error;
  }
  const found = await ports.records.getMany<BlobRecord>([...reachable.blobs].map(keys.blob));
  const kept = found.filter(({ value }) => !value.doomed);
  if (kept.length < reachable.blobs.size) throw gone();
}
