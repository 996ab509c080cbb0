// Takes back what one change did to a state: exactly the paths that still are what the change made them. A path that was
// touched since stays, and is listed as kept.

import { type Entry, sameEntry } from '../model/entry.ts';
import type { Digest } from '../ports.ts';
import { type Delivery, DeliveryDraft } from './delivery.ts';
import { diff } from './diff.ts';
import type { ReadPage } from './reader.ts';
import { getEntry } from './walk.ts';

/** A state and its delivered tree. */
export interface Pair {
  readonly root: Digest;
  readonly delivered: Digest;
}

/** `before` and `after` are the states around the change; `current` is what it is taken back from. */
export async function revert(read: ReadPage, before: Pair, after: Pair, current: Pair): Promise<Delivery> {
  const draft = new DeliveryDraft(read, current.root, current.delivered);
  const back: [key: string, entry: Entry][] = [];
  for await (const { key, from, to } of diff(read, before.root, after.root)) {
    const now = await getEntry(read, current.root, key);
    if (sameEntry(now, from)) draft.count('same');
    else if (!sameEntry(now, to)) draft.note(key, 'kept');
    else if (from) back.push([key, from]);
    else {
      draft.edit(key, undefined);
      draft.note(key, 'deleted');
    }
  }
  // After the removals, so that a file can come back where the change had put a folder.
  for (const [key, entry] of back) {
    if ((await draft.blockers(key)).length > 0) {
      draft.note(key, 'kept');
      continue;
    }
    draft.count((await draft.now(key)) ? 'updated' : 'created');
    draft.edit(key, entry);
  }
  for await (const { key, from, to } of diff(read, before.delivered, after.delivered))
    if (sameEntry(await getEntry(read, current.delivered, key), to)) draft.deliver(key, from);
  return draft.finish();
}
