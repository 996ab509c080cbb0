// Files of an instance: put, delete, look up.

import { notFound } from '../errors.ts';
import type { Entry, FileEntry } from '../model/entry.ts';
import { fileEntry } from '../model/media-type.ts';
import { type Kind, toKey } from '../model/path.ts';
import type { Digest } from '../ports.ts';
import { getEntry } from '../tree/walk.ts';
import { storeBlob } from './blobs.ts';
import { type Call, reader } from './call.ts';
import { type SavedVersion, save, savedVersion } from './save.ts';

export interface PutFile {
  /** Checked by `parsePath`. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly mediaType?: string | undefined;
  readonly executable?: boolean | undefined;
  readonly ifMatch?: string | undefined;
}

export async function putFile(
  call: Call,
  instance: string,
  put: PutFile,
): Promise<SavedVersion & { created: boolean }> {
  const part = await storeBlob(call.ports, put.bytes);
  const key = toKey('file', put.path);
  let created = false;
  const entry = await save(call, instance, { ifMatch: put.ifMatch }, async (root) => {
    const before = await getEntry(reader(call), root, key);
    created = before === undefined;
    const executable = put.executable ?? (before?.kind === 'file' && before.executable);
    return [{ key, entry: fileEntry(put.path, [part], { mediaType: put.mediaType, executable }) }];
  });
  return { ...savedVersion(entry), created };
}

export async function deleteEntry(
  call: Call,
  instance: string,
  kind: Kind,
  path: string,
  ifMatch: string | undefined,
): Promise<SavedVersion> {
  const key = toKey(kind, path);
  const entry = await save(call, instance, { ifMatch }, async (root) => {
    await requireEntry(call, root, kind, path);
    return [{ key, entry: undefined }];
  });
  return savedVersion(entry);
}

/** The entry of that kind at that path, or `not-found`. */
export async function requireEntry<K extends Kind>(
  call: Call,
  root: Digest,
  kind: K,
  path: string,
): Promise<Extract<Entry, { kind: K }>> {
  const entry = await getEntry(reader(call), root, toKey(kind, path));
  if (!entry) throw notFound(`${kind} "${path}" in that state`);
  return entry as Extract<Entry, { kind: K }>;
}

export const requireFile = (call: Call, root: Digest, path: string): Promise<FileEntry> =>
  requireEntry(call, root, 'file', path);
