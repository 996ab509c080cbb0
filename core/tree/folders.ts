// A range of a tree as a reader sees it: entries, and folders folded into one line with their totals. Each folder costs a
// jump and two totals, however much it holds.

import { afterPrefix, compareKeys } from '../model/path.ts';
import type { Digest } from '../ports.ts';
import type { LeafItem, Totals } from './page.ts';
import type { ReadPage } from './reader.ts';
import { scan, totals } from './walk.ts';

export type Listed = LeafItem | (Totals & { readonly folder: string });

/**
 * What lies under `prefix`, from `from` on. With a delimiter, keys that have it after the prefix are folded into the
 * part up to and including it.
 */
export async function* listFolders(
  read: ReadPage,
  root: Digest,
  prefix: string,
  options: { from?: string | undefined; delimiter?: string | undefined } = {},
): AsyncGenerator<Listed> {
  const to = afterPrefix(prefix);
  let from: string | undefined =
    options.from !== undefined && compareKeys(options.from, prefix) > 0 ? options.from : prefix;
  while (from !== undefined) {
    let folder: string | undefined;
    for await (const item of scan(read, root, { from, to })) {
      folder = options.delimiter ? folderOf(item.key, prefix, options.delimiter) : undefined;
      if (folder !== undefined) break;
      yield item;
    }
    if (folder === undefined) return;
    const end = afterPrefix(folder);
    yield { folder, ...(await totals(read, root, { from: folder, to: end })) };
    from = end;
  }
}

function folderOf(key: string, prefix: string, delimiter: string): string | undefined {
  const at = key.indexOf(delimiter, prefix.length);
  return at === -1 ? undefined : key.slice(0, at + delimiter.length);
}
