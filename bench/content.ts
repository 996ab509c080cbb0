// Content for the rows: states made without uploading anything, folders of small files, and chance that repeats.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { InstanceEntry } from '../core/model/journal.ts';
import { fileEntry } from '../core/model/media-type.ts';
import { toKey } from '../core/model/path.ts';
import { append, stateOf } from '../core/ops/journal.ts';
import { createSpace } from '../core/ops/spaces.ts';
import { sha256 } from '../core/tree/digest.ts';
import { type Edit, editTree } from '../core/tree/edit.ts';
import { emptyRoot } from '../core/tree/page.ts';
import { readerOf } from '../core/tree/reader.ts';
import type { Bench } from './harness.ts';

/** A hundred units of up to ten thousand files. */
export const pathOf = (nth: number): string => {
  const unit = String(nth % 100).padStart(2, '0');
  return `unit-${unit}/exercise-${String(Math.floor(nth / 100)).padStart(5, '0')}.md`;
};

export const textOf = (nth: number, edition = 1): string => `# Exercise ${nth}\n\nEdition ${edition}.\n`;

/** Numbers below `limit` that come in the same order in each run. */
export function chance(seed = 1): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** A space with an empty master. */
export async function emptyMaster({ call }: Bench): Promise<string> {
  return (await createSpace(call, 'Bench', 'research')).masterInstanceId;
}

const pagesAtOnce = 1_000;

/** Makes a state of so many files current: its pages and one journal entry, no blob. */
export async function fill({ call, ports }: Bench, instance: string, files: number): Promise<InstanceEntry> {
  const edits = Array.from({ length: files }, (_, nth): Edit => {
    const path = pathOf(nth);
    const text = textOf(nth);
    const part = { sha256: sha256(text), size: text.length };
    return { key: toKey('file', path), entry: fileEntry(path, [part], { executable: false }) };
  });
  const { root, entries, bytes, pages } = await editTree(readerOf(ports.pages), emptyRoot, edits);
  for (let i = 0; i < pages.length; i += pagesAtOnce)
    await ports.pages.putMany(pages.slice(i, i + pagesAtOnce));
  const cause = call.newId('request');
  return append(call, instance, { action: 'save', cause }, async (head) => ({
    state: { ...stateOf(head), root, entries, bytes },
  }));
}

/** Writes the same files below a folder. */
export async function writeFolder(folder: string, files: number): Promise<void> {
  const made = new Set<string>();
  for (let nth = 0; nth < files; nth++) {
    const file = join(folder, pathOf(nth));
    const parent = dirname(file);
    if (!made.has(parent)) await mkdir(parent, { recursive: true });
    made.add(parent);
    await writeFile(file, textOf(nth));
  }
}
