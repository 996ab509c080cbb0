// Large content: the client says what it will send, sends each part to a signed URL, and commits it with a change.
// Committing moves the verified bytes from the upload area to their blobs; until then nothing refers to them.

import { AppError, badInput, isCode, notFound } from '../errors.ts';
import {
  type Entry,
  type FileEntry,
  maxFileParts,
  type Part,
  partMaxBytes,
  partsOf,
} from '../model/entry.ts';
import { isId } from '../model/ids.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import { fileEntry } from '../model/media-type.ts';
import { parsePath, toKey } from '../model/path.ts';
import { isOverAt } from '../model/retention.ts';
import type { Ports, SignedPut } from '../ports.ts';
import { getEntry } from '../tree/walk.ts';
import { enterBlob, isStored } from './blobs.ts';
import { type Call, nowText, reader } from './call.ts';
import { currentOf } from './journal.ts';
import { eachRecord } from './paging.ts';
import { inParallel } from './retry.ts';

const uploadLifeMs = 24 * 60 * 60 * 1_000;
/** So that the record of an upload stays within what a record may hold. */
const maxUploadRecordBytes = 350 * 1024;

export interface UploadFile {
  readonly path: string;
  readonly size: number;
  readonly parts: readonly Part[];
  readonly executable?: boolean | undefined;
  readonly mediaType?: string | undefined;
}

interface Upload {
  readonly id: string;
  readonly instanceId: string;
  readonly user: string;
  readonly expiresAt: string;
  readonly files: readonly (UploadFile & { readonly present: readonly boolean[] })[];
  readonly committedAt?: string;
}

export interface UploadTicket {
  readonly upload: string;
  readonly expiresAt: string;
  readonly files: readonly { readonly path: string; readonly parts: readonly (SignedPut | null)[] }[];
}

const slotOf = (upload: string, file: number, part: number): string => `${upload}/${file}-${part}`;

export async function createUpload(
  call: Call,
  instance: string,
  wanted: readonly UploadFile[],
): Promise<UploadTicket> {
  const { ports } = call;
  const files = wanted.map((file, index) => checkFile(file, `/files/${index}`));
  checkOnce(files);
  const { root } = await currentOf(ports, instance);
  const present = await inParallel(files, 16, async (file) => {
    const there = await getEntry(reader(call), root, toKey('file', file.path));
    const held = there ? partsOf(there) : [];
    return file.parts.map(({ sha256, size }) =>
      held.some((part) => part.sha256 === sha256 && part.size === size),
    );
  });
  const id = call.newId('upload');
  const expiresMs = ports.now() + uploadLifeMs;
  const expiresAt = new Date(expiresMs).toISOString();
  const record: Upload = {
    id,
    instanceId: instance,
    user: call.actor.user,
    expiresAt,
    files: files.map((file, index) => ({ ...file, present: present[index]! })),
  };
  if (JSON.stringify(record).length > maxUploadRecordBytes)
    throw badInput(
      '/files',
      'The list of files is too long for one upload; split it over several.',
      'too-large',
    );
  await recordUpload(call, record);
  const tickets = await inParallel(record.files, 16, async (file, f) => ({
    path: file.path,
    parts: await Promise.all(
      file.parts.map((part, p) =>
        file.present[p] ? null : ports.blobs.signPut(slotOf(id, f, p), part, expiresMs),
      ),
    ),
  }));
  return { upload: id, expiresAt, files: tickets };
}

/** A call that is repeated finds the upload as it is by now. */
async function recordUpload({ ports }: Call, upload: Upload): Promise<void> {
  try {
    await ports.records.write([
      { put: keys.upload(upload.id), value: upload, if: 'absent' },
      { put: keys.openUpload(upload.instanceId, upload.id), value: upload.expiresAt },
    ]);
  } catch (error) {
    if (!isCode(error, 'conflict')) throw error;
  }
}

function checkFile(file: UploadFile, pointer: string): UploadFile {
  const path = parsePath(file.path, `${pointer}/path`);
  const total = file.parts.reduce((sum, part) => sum + part.size, 0);
  if (total !== file.size)
    throw badInput(`${pointer}/size`, `The parts add up to ${total} bytes, not to ${file.size}.`);
  if (file.parts.length > maxFileParts)
    throw badInput(`${pointer}/parts`, `A file has at most ${maxFileParts} parts.`, 'too-large');
  for (const [index, part] of file.parts.entries()) {
    if (part.size > partMaxBytes)
      throw badInput(
        `${pointer}/parts/${index}/size`,
        `A part has at most ${partMaxBytes} bytes.`,
        'too-large',
      );
    if (part.size === 0 && file.parts.length > 1)
      throw badInput(`${pointer}/parts/${index}/size`, 'A part of a larger file is not empty.');
  }
  return { ...file, path };
}

function checkOnce(files: readonly UploadFile[]): void {
  const seen = new Set<string>();
  for (const [index, { path }] of files.entries()) {
    if (seen.has(path)) throw badInput(`/files/${index}/path`, `"${path}" is listed twice.`);
    seen.add(path);
  }
}

const isCommitted = async (ports: Ports, id: string): Promise<boolean> =>
  (await ports.records.get<Upload>(keys.upload(id)))?.value.committedAt !== undefined;

/** The entries that a committed upload can fill. */
export interface CommittedUpload {
  /** The file uploaded as `source`, as an entry for `path`. */
  entryFor(source: string, path: string): FileEntry | undefined;
  entries(): Generator<[key: string, entry: Entry]>;
}

/** Checks that every part of an upload arrived, and makes blobs of them. */
export async function commitUpload(
  call: Call,
  instance: string,
  id: string,
  pointer: string,
): Promise<CommittedUpload> {
  const { ports } = call;
  const record = isId('upload', id) ? await ports.records.get<Upload>(keys.upload(id)) : undefined;
  const upload = record?.value;
  if (!upload || upload.instanceId !== instance || upload.user !== call.actor.user)
    throw new AppError('not-found', 'There is no upload with that id here.', {
      errors: [{ pointer, detail: 'There is no upload with that id for this instance and user.' }],
    });
  if (Date.parse(upload.expiresAt) < ports.now())
    throw badInput(pointer, `The upload expired at ${upload.expiresAt}; start it again.`, 'gone');
  const parts = upload.files.flatMap((file, f) =>
    file.parts.map((part, p) => ({
      part,
      slot: slotOf(id, f, p),
      present: file.present[p]!,
      path: file.path,
    })),
  );
  const missing = await inParallel(parts, 16, async ({ part, slot, present, path }) => {
    if (upload.committedAt) return (await isStored(ports, part)) ? undefined : path;
    if (present) return (await ports.records.get(keys.blob(part.sha256))) ? undefined : path;
    try {
      await enterBlob(ports, part, (doomed) => ports.blobs.promote(slot, part, doomed));
      return undefined;
    } catch (error) {
      if (!isCode(error, 'not-found')) throw error;
      // Another commit of this upload may have emptied the slot meanwhile: then its bytes are there.
      return (await isCommitted(ports, id)) ? undefined : path;
    }
  });
  const unfinished = [...new Set(missing.filter((path) => path !== undefined))];
  if (unfinished.length > 0)
    throw new AppError(
      'impossible',
      'The upload is not finished: send its missing parts, then commit again.',
      {
        errors: unfinished.map((path) => ({ pointer, detail: `Parts of "${path}" have not arrived.` })),
      },
    );
  const find = (source: string) => upload.files.find((file) => file.path === source.normalize('NFC'));
  return {
    entryFor(source, path) {
      const file = find(source);
      return file && fileEntry(path, file.parts, file);
    },
    *entries() {
      for (const file of upload.files)
        yield [toKey('file', file.path), fileEntry(file.path, file.parts, file)];
    },
  };
}

/**
 * Remembers that the bytes of an upload are blobs now, so that committing it again succeeds, and empties its slots. Its
 * place among the uploads of the instance it keeps until it expires, so that what a crash leaves is found.
 */
export async function finishUpload(call: Call, id: string): Promise<void> {
  const { records } = call.ports;
  const record = await records.get<Upload>(keys.upload(id));
  if (!record) throw notFound('upload with that id');
  if (record.value.committedAt) return;
  await records.write([{ put: keys.upload(id), value: { ...record.value, committedAt: nowText(call) } }]);
  await emptySlots(call.ports, record.value);
}

async function emptySlots({ blobs }: Ports, { id, files }: Upload): Promise<void> {
  const slots = files.flatMap((file, f) => file.parts.map((_, p) => slotOf(id, f, p)));
  await inParallel(slots, 16, (slot) => blobs.discard(slot));
}

/** The uploads to an instance that may still be committed after `asOf`, with the parts that were there and will not be sent. */
export async function openUploads(
  ports: Ports,
  instance: string,
  asOf: number,
): Promise<{ id: string; parts: Part[] }[]> {
  const open: { id: string; parts: Part[] }[] = [];
  for await (const { id, expiresAt } of eachOpenUpload(ports, instance)) {
    if (Date.parse(expiresAt) < asOf) continue;
    const upload = (await ports.records.get<Upload>(keys.upload(id)))?.value;
    if (!upload || isOverAt(upload.committedAt, asOf)) continue;
    open.push({ id, parts: upload.files.flatMap((file) => file.parts.filter((_, p) => file.present[p])) });
  }
  return open;
}

/** Forgets the uploads to an instance that can no longer be committed, and empties their slots. */
export async function dropExpiredUploads(ports: Ports, instance: string, nowMs: number): Promise<void> {
  for await (const { id, expiresAt } of eachOpenUpload(ports, instance)) {
    if (Date.parse(expiresAt) >= nowMs) continue;
    const upload = (await ports.records.get<Upload>(keys.upload(id)))?.value;
    if (upload) await emptySlots(ports, upload);
    await ports.records.write([{ delete: keys.openUpload(instance, id) }, { delete: keys.upload(id) }]);
  }
}

async function* eachOpenUpload(
  ports: Ports,
  instance: string,
): AsyncGenerator<{ id: string; expiresAt: string }> {
  const query = { partition: partitions.instance(instance), prefix: prefixes.upload };
  for await (const { sort, value } of eachRecord<string>(ports.records, query))
    yield { id: sort.slice(prefixes.upload.length), expiresAt: value };
}
