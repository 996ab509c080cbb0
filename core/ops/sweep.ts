// The sweep of a reclaim: deletes what the mark wrote down, chunk by chunk. Every step may run again: what is gone is gone,
// and what was stored again meanwhile stays.

import { isCode } from '../errors.ts';
import { keys } from '../model/keys.ts';
import type { Chunk, DoomedBlob } from '../model/reclaim.ts';
import { sweepUntil } from '../model/retention.ts';
import type { Digest, Ports, Records, RecordWrite } from '../ports.ts';
import type { BlobRecord } from './blobs.ts';
import { readReclaim } from './reclaim.ts';
import { inParallel } from './retry.ts';

const blobsAtOnce = 16;

/** Deletes what a chunk names, and records what did not go. */
export async function sweepChunk(ports: Ports, id: string, nth: number): Promise<void> {
  const { startedAt } = (await readReclaim(ports, id)).value;
  const key = keys.chunk(id, nth);
  const { value: chunk } = (await ports.records.get<Chunk>(key))!;
  if (chunk.done) return;
  const hashes = chunk.pages.map(({ hash }) => hash);
  const until = sweepUntil(Date.parse(startedAt!), ports.settings);
  const gone = new Set(await ports.pages.deleteCondemned(hashes, until));
  const blobs = await inParallel(
    chunk.blobs,
    blobsAtOnce,
    async (blob): Promise<Digest[]> =>
      (await (blob.spare ? sweepSpare(ports, blob) : sweepBlob(ports, blob))) ? [] : [blob.sha256],
  );
  const rescued = [...hashes.filter((hash) => !gone.has(hash)), ...blobs.flat()];
  const at = new Date(ports.now()).toISOString();
  await ports.records.write([{ put: key, value: { ...chunk, done: { at, rescued } } satisfies Chunk }]);
}

/**
 * Dooms a blob, deletes its version, and forgets it, in this order: whoever stores the same bytes either comes before and
 * rescues it, or puts a version of its own.
 */
async function sweepBlob({ records, blobs }: Ports, blob: DoomedBlob): Promise<boolean> {
  const { sha256, version, condemnedAt } = blob;
  const key = keys.blob(sha256);
  const record = await records.get<BlobRecord>(key);
  if (!record) return true;
  const { value, revision } = record;
  if (value.version !== version || value.condemnedAt !== condemnedAt) return false;
  const doom: RecordWrite = { put: key, value: { ...value, doomed: true }, if: { revision } };
  if (!value.doomed && !(await unlessMoved(records, doom))) return false;
  const doomed = await records.get<BlobRecord>(key);
  await blobs.deleteVersion({ sha256, version });
  if (doomed?.value.doomed) await unlessMoved(records, { delete: key, if: { revision: doomed.revision } });
  return true;
}

/** Writes under a condition; false when it does not hold. */
async function unlessMoved(records: Records, write: RecordWrite): Promise<boolean> {
  try {
    await records.write([write]);
    return true;
  } catch (error) {
    if (isCode(error, 'conflict')) return false;
    throw error;
  }
}

async function sweepSpare({ records, blobs }: Ports, { sha256, version }: DoomedBlob): Promise<boolean> {
  const record = await records.get<BlobRecord>(keys.blob(sha256));
  if (!record || record.value.version === version) return false;
  await blobs.deleteVersion({ sha256, version });
  await records.write([{ delete: keys.spareBlob(sha256, version) }]);
  return true;
}
