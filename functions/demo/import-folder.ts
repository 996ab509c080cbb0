// A folder of this machine as the content of an instance, in one change: files as files, each CSV also as a table when
// that is asked.

import type { Dirent } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { AppError, isCode } from '../../core/errors.ts';
import { type AppEntry, type Entry, type Part, partMaxBytes } from '../../core/model/entry.ts';
import { fileEntry } from '../../core/model/media-type.ts';
import { compareKeys, parsePath, toKey } from '../../core/model/path.ts';
import { storeBlob } from '../../core/ops/blobs.ts';
import type { Call } from '../../core/ops/call.ts';
import { inParallel } from '../../core/ops/retry.ts';
import { save } from '../../core/ops/save.ts';
import { tableEntry } from '../../core/ops/tables.ts';
import type { Edit } from '../../core/tree/edit.ts';

export interface Imported {
  readonly root: string;
  readonly files: number;
  readonly tables: number;
  readonly bytes: number;
  /** What was left out, and why. */
  readonly skipped: readonly string[];
}

export interface ImportOptions {
  readonly tables: boolean;
  readonly apps?: Readonly<Record<string, AppEntry>>;
}

export async function importFolder(
  call: Call,
  instance: string,
  folder: string,
  { tables, apps = {} }: ImportOptions,
): Promise<Imported> {
  const { files, skipped } = await walk(folder);
  const entries = new Map<string, Entry>();
  await inParallel(files, 16, async (file) => {
    const path = parsePath(relative(folder, file).split(sep).join('/'), file);
    const stat = await readStored(call, file);
    entries.set(toKey('file', path), fileEntry(path, stat.parts, { executable: stat.executable }));
  });
  const fileCount = entries.size;
  if (tables) skipped.push(...(await addTables(call, entries, files)));
  for (const [name, app] of Object.entries(apps)) entries.set(toKey('app', name), app);
  const edits: Edit[] = [...entries].map(([key, entry]) => ({ key, entry }));
  const message = `Imported from ${basename(folder)}`;
  const saved = await save(call, instance, { message, pointerOf: (key) => key }, async () => edits);
  const tableCount = entries.size - fileCount - Object.keys(apps).length;
  return { root: saved.root, files: fileCount, tables: tableCount, bytes: saved.bytes, skipped };
}

async function walk(folder: string): Promise<{ files: string[]; skipped: string[] }> {
  let found: Dirent[];
  try {
    found = await readdir(folder, { recursive: true, withFileTypes: true });
  } catch (cause) {
    throw new AppError('not-found', `The folder ${folder} cannot be read.`, { cause });
  }
  const pathOf = (entry: Dirent) => join(entry.parentPath, entry.name);
  const others = found.filter((entry) => !entry.isFile() && !entry.isDirectory());
  return {
    files: found
      .filter((entry) => entry.isFile())
      .map(pathOf)
      .sort(),
    skipped: others.map((entry) => `${pathOf(entry)}: only files and folders are imported`),
  };
}

/** Stores a file part by part, so that its size does not matter. */
async function readStored(call: Call, file: string): Promise<{ parts: Part[]; executable: boolean }> {
  const handle = await open(file);
  try {
    const { size, mode } = await handle.stat();
    const parts: Part[] = [];
    for (let offset = 0; offset < size; offset += partMaxBytes) {
      const buffer = Buffer.alloc(Math.min(partMaxBytes, size - offset));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset);
      parts.push(await storeBlob(call.ports, buffer.subarray(0, bytesRead)));
    }
    return { parts, executable: (mode & 0o100) !== 0 };
  } finally {
    await handle.close();
  }
}

/** Adds a table for each CSV; answers what could not be read as one. */
async function addTables(
  call: Call,
  entries: Map<string, Entry>,
  files: readonly string[],
): Promise<string[]> {
  const skipped: string[] = [];
  for (const file of files.filter((path) => path.toLowerCase().endsWith('.csv')).sort(compareKeys)) {
    const key = freeKey(entries, basename(file).slice(0, -'.csv'.length));
    const handle = await open(file);
    try {
      entries.set(key, await tableEntry(call.ports, { bytes: await handle.readFile(), format: 'csv' }));
    } catch (error) {
      if (!isCode(error, 'bad-table')) throw error;
      skipped.push(`${file}: not a table: ${error.message}`);
    } finally {
      await handle.close();
    }
  }
  return skipped;
}

/** Two CSVs of one name in two folders are two tables. */
function freeKey(entries: ReadonlyMap<string, Entry>, name: string): string {
  let key = toKey('table', name);
  for (let nth = 2; entries.has(key); nth++) key = toKey('table', `${name} ${nth}`);
  return key;
}
