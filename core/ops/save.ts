// Changing the current state of an instance: edits in, one journal entry out, all or nothing.

import { badInput } from '../errors.ts';
import { checkEntrySize } from '../model/entry.ts';
import type { InstanceAction, InstanceEntry } from '../model/journal.ts';
import { ancestorsOf, fromKey } from '../model/path.ts';
import type { Digest } from '../ports.ts';
import { type Edit, editTree } from '../tree/edit.ts';
import { keepPages, type ReadPage } from '../tree/reader.ts';
import { firstFrom, getEntry } from '../tree/walk.ts';
import { type Call, reader } from './call.ts';
import { append, stateOf } from './journal.ts';
import { requireQuota } from './settings.ts';

export interface Save {
  readonly ifMatch?: string | undefined;
  readonly message?: string | undefined;
  readonly cause?: string;
  readonly action?: InstanceAction;
  /** Where the path of a key stands in the request, for errors. */
  readonly pointerOf?: (key: string) => string;
}

export interface SavedVersion {
  readonly root: Digest;
  readonly version: number;
}

export const savedVersion = (entry: InstanceEntry): SavedVersion => ({
  root: entry.root,
  version: entry.sequence,
});

/** Applies what `edits` makes of the current state. Edits that change nothing append nothing. */
export async function save(
  call: Call,
  instance: string,
  options: Save,
  edits: (root: Digest) => Promise<readonly Edit[]>,
): Promise<InstanceEntry> {
  const { ifMatch, message, cause = call.id, action = 'save' } = options;
  return append(call, instance, { action, cause, ifMatch }, async (head) => {
    const wanted = await edits(head.root);
    checkSizes(wanted);
    const tree = await editTree(reader(call), head.root, wanted);
    if (tree.root === head.root) return undefined;
    keepPages(call.ports.pages, tree.pages);
    await checkPlaces(reader(call), tree.root, wanted, options.pointerOf);
    const { root, entries, bytes, pages } = tree;
    const state = { ...stateOf(head), root, entries, bytes };
    await requireQuota(call.ports, instance, head, state);
    return { state, pages, message };
  });
}

/** Every entry shall fit a page of the tree. */
function checkSizes(edits: readonly Edit[]): void {
  for (const { key, entry } of edits) {
    const { kind, path } = fromKey(key);
    if (entry) checkEntrySize(kind, path, entry);
  }
}

/** A key may not be both an entry and the parent of another entry. Looks at the new tree around each new entry. */
export async function checkPlaces(
  read: ReadPage,
  root: Digest,
  edits: readonly Edit[],
  pointerOf: (key: string) => string = () => 'path',
): Promise<void> {
  const folders = new Set<string>();
  for (const { key, entry } of edits) {
    if (!entry) continue;
    for (const folder of ancestorsOf(key)) {
      if (folders.has(folder)) continue;
      folders.add(folder);
      if (await getEntry(read, root, folder))
        throw badInput(
          pointerOf(key),
          `"${fromKey(folder).path}" is a file, so nothing can be below it.`,
          'conflict',
        );
    }
    if ((await firstFrom(read, root, `${key}/`))?.key.startsWith(`${key}/`))
      throw badInput(
        pointerOf(key),
        `"${fromKey(key).path}" is a folder; delete it first or choose another name.`,
        'conflict',
      );
  }
}
