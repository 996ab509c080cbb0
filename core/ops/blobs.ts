// Blobs and the records that say where they are. Only this file and uploads hand out what a hash names: knowing a hash
// never gives access to bytes.

import { AppError } from '../errors.ts';
import { emptySha256, type FileEntry, type Part } from '../model/entry.ts';
import { keys } from '../model/keys.ts';
import type { BlobRef, ByteRange, PartSource, Ports } from '../ports.ts';
import { sha256 } from '../tree/digest.ts';
import { inParallel, untilSettled } from './retry.ts';

/** The record of a blob: the version that the store gave it, and how far reclaim is with it. */
export interface BlobRecord {
  readonly version: string;
  readonly size: number;
  /** Since when (epoch ms) it is condemned; whoever stores the same bytes rescues it. */
  readonly condemnedAt?: number;
  /** Nothing rescues it any more: the same bytes become a version of their own. */
  readonly doomed?: true;
}

/** Stores bytes once, however often they come; answers the part that names them. */
export async function storeBlob(ports: Ports, bytes: Uint8Array): Promise<Part> {
  const part = { sha256: sha256(bytes), size: bytes.length };
  const there = await ports.records.get<BlobRecord>(keys.blob(part.sha256));
  if (!there || there.value.condemnedAt !== undefined)
    await enterBlob(ports, part, (doomed) => ports.blobs.put(part.sha256, bytes, doomed));
  return part;
}

/** Puts a blob and records it. What reclaim has condemned is rescued; what it has doomed is put anew. */
export const enterBlob = (
  ports: Ports,
  { sha256, size }: Part,
  put: (doomed: string | undefined) => Promise<BlobRef>,
): Promise<void> =>
  untilSettled(async () => {
    const key = keys.blob(sha256);
    const before = await ports.records.get<BlobRecord>(key);
    const { version: found } = await put(before?.value.doomed && before.value.version);
    if (before && before.value.condemnedAt === undefined) return;
    const version = before ? await lastingOf(ports, sha256, before.value, found) : found;
    const value: BlobRecord = { version, size };
    const guard = before ? { revision: before.revision } : 'absent';
    await ports.records.write([{ put: key, value, if: guard }], 'soon');
  });

/** Of two versions the one that stays: a spare one that reclaim has noticed goes. */
async function lastingOf(
  ports: Ports,
  sha256: string,
  { version, doomed }: BlobRecord,
  found: string,
): Promise<string> {
  if (doomed || found === version) return found;
  return (await ports.records.get(keys.spareBlob(sha256, found))) ? version : found;
}

/** Whether what nothing may hold can still be referred to: what is condemned has to be stored again. */
export async function isStored(ports: Ports, { sha256 }: Part): Promise<boolean> {
  const record = await ports.records.get<BlobRecord>(keys.blob(sha256));
  return record !== undefined && record.value.condemnedAt === undefined;
}

export async function blobRef(ports: Ports, hash: string): Promise<BlobRef> {
  const record = await ports.records.get<BlobRecord>(keys.blob(hash));
  if (!record) throw new AppError('damaged', `Blob ${hash} has no record.`);
  return { sha256: hash, version: record.value.version };
}

export const readPart = async (ports: Ports, part: Part, range?: ByteRange): Promise<Uint8Array> =>
  ports.blobs.get(await blobRef(ports, part.sha256), range);

export const partSource = (ports: Ports, part: Part): PartSource => ({
  size: part.size,
  read: (range) => readPart(ports, part, range),
});

/** A stretch of a file, put together from the parts it touches. */
export async function readFile(ports: Ports, file: FileEntry, range?: ByteRange): Promise<Uint8Array> {
  const from = range?.offset ?? 0;
  const to = from + (range?.length ?? file.size);
  const pieces: { part: Part; offset: number; length: number }[] = [];
  let start = 0;
  for (const part of file.parts) {
    const first = Math.max(from, start);
    const last = Math.min(to, start + part.size);
    if (first < last) pieces.push({ part, offset: first - start, length: last - first });
    start += part.size;
  }
  const read = await inParallel(pieces, 8, ({ part, offset, length }) =>
    readPart(ports, part, length === part.size ? undefined : { offset, length }),
  );
  return read.length === 1 ? read[0]! : Buffer.concat(read);
}

/** The SHA-256 of a file where it is known without reading it: it has at most one part. */
export const fileSha256 = (file: FileEntry): string | undefined =>
  file.parts.length > 1 ? undefined : (file.parts[0]?.sha256 ?? emptySha256);
