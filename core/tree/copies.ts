// The copies that distributions put beside a key, whatever the day. One jump for each mark that is there.

import { type Beside, besidePrefix, markedPart } from '../model/beside.ts';
import { afterPrefix } from '../model/path.ts';
import type { Digest } from '../ports.ts';
import type { LeafItem } from './page.ts';
import type { ReadPage } from './reader.ts';
import { firstFrom, getEntry } from './walk.ts';

export async function* copiesBeside(read: ReadPage, root: Digest, beside: Beside): AsyncGenerator<LeafItem> {
  const prefix = besidePrefix(beside);
  let from: string | undefined = prefix;
  while (from !== undefined) {
    const next = await firstFrom(read, root, from);
    if (!next?.key.startsWith(prefix)) return;
    const marked = markedPart(beside, next.key);
    const key = marked && marked + beside.after;
    const entry = key && (await getEntry(read, root, key));
    if (entry) yield { key, entry };
    from = marked === undefined ? `${next.key}\0` : afterPrefix(marked);
  }
}
