// Changing the current state of an instance: edits in, one journal entry out, all or nothing.

import { badInput } from '../errors.ts';
import { checkEntrySize } from '../model/entry.ts';
import type { InstanceAction, InstanceEntry } from '../model/journal.ts';
import { ancestorsOf, fromKey } from '../model/path.ts';
import type { Digest, PageBytes } from '../ports.ts';
import { type Edit, editTree } from '../tree/edit.ts';
import { decodePage, type Page } from '../tree/page.ts';
import type { ReadPage } from '../tree/reader.ts';
import { firstFrom, getEntry } from '../tree/walk.ts';
import { type Call, reader } from './call.ts';
import { append, stateOf } from './journal.ts';

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
    const tree = await editTree(reader(call), head.root, wanted);
    if (tree.root === head.root) return undefined;
    await checkPlaces(reader(call), tree.root, tree.pages, wanted, options.pointerOf);
    const { root, entries, bytes, pages } = tree;
    return { state: { ...stateOf(head), root, entries, bytes }, pages, message };
  });
}

/** A key may not be both an entry and the parent of another entry. Looks at the new tree around each new entry. */
async function checkPlaces(
  read: ReadPage,
  root: Digest,
  fresh: readonly PageBytes[],
  edits: readonly Edit[],
  pointerOf: (key: string) => string = () => 'path',
): Promise<void> {
  const look = overlay(read, fresh);
  const folders = new Set<string>();
  for (const { key, entry } of edits) {
    if (!entry) continue;
    const { kind, path } = fromKey(key);
    checkEntrySize(kind, path, entry);
    for (const folder of ancestorsOf(key)) {
      if (folders.has(folder)) continue;
      folders.add(folder);
      if (await getEntry(look, root, folder))
        throw badInput(
          pointerOf(key),
          `"${fromKey(folder).path}" is a file, so nothing can be below it.`,
          'conflict',
        );
    }
    if ((await firstFrom(look, root, `${key}/`))?.key.startsWith(`${key}/`))
      throw badInput(
        pointerOf(key),
        `"${path}" is a folder; delete it first or choose another name.`,
        'conflict',
      );
  }
}

/** Reads pages that are not stored yet as if they were. */
function overlay(read: ReadPage, fresh: readonly PageBytes[]): ReadPage {
  const bytes = new Map(fresh.map((page) => [page.hash, page.bytes]));
  const decoded = new Map<Digest, Promise<Page>>();
  return (hash) => {
    const known = decoded.get(hash);
    if (known) return known;
    const own = bytes.get(hash);
    const page = own ? Promise.resolve(decodePage(hash, own)) : read(hash);
    decoded.set(hash, page);
    return page;
  };
}
