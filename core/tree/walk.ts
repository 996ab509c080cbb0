// Reading a tree: one entry, a range in order, the totals of a range. Costs are in pages opened: a lookup and the totals
// of any range open one page a level (two for totals), a range opens the pages it covers.

import { type Entry, sizeOf } from '../model/entry.ts';
import { compareKeys } from '../model/path.ts';
import type { Digest } from '../ports.ts';
import { isLeaf, type LeafItem, type Page, type Totals, totalsOf } from './page.ts';
import type { ReadPage } from './reader.ts';
import { lastAtOrBefore } from './search.ts';

/** Keys from `from` (inclusive) to `to` (exclusive); left out means from the first, to the last. */
export interface KeyRange {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export async function getEntry(read: ReadPage, root: Digest, key: string): Promise<Entry | undefined> {
  let page = await read(root);
  for (;;) {
    const at = lastAtOrBefore(page.items, key);
    if (at < 0) return undefined;
    if (isLeaf(page)) {
      const item = page.items[at]!;
      return item.key === key ? item.entry : undefined;
    }
    page = await read(page.items[at]!.hash);
  }
}

/** The entries of a range in key order. */
export async function* scan(read: ReadPage, root: Digest, range: KeyRange = {}): AsyncGenerator<LeafItem> {
  yield* scanPage(read, await read(root), range);
}

async function* scanPage(read: ReadPage, page: Page, range: KeyRange): AsyncGenerator<LeafItem> {
  const { from, to } = range;
  const first = from === undefined ? 0 : Math.max(0, lastAtOrBefore(page.items, from));
  for (let i = first; i < page.items.length; i++) {
    const { key } = page.items[i]!;
    if (to !== undefined && compareKeys(key, to) >= 0) return;
    if (!isLeaf(page)) yield* scanPage(read, await read(page.items[i]!.hash), range);
    else if (from === undefined || compareKeys(key, from) >= 0) yield page.items[i]!;
  }
}

/** The first entry at or after `key`. */
export async function firstFrom(read: ReadPage, root: Digest, from: string): Promise<LeafItem | undefined> {
  for await (const item of scan(read, root, { from })) return item;
  return undefined;
}

export async function totals(read: ReadPage, root: Digest, range: KeyRange = {}): Promise<Totals> {
  const page = await read(root);
  const upTo = await totalsBefore(read, page, range.to);
  if (range.from === undefined) return upTo;
  const before = await totalsBefore(read, page, range.from);
  return {
    entries: Math.max(0, upTo.entries - before.entries),
    bytes: Math.max(0, upTo.bytes - before.bytes),
  };
}

/** The totals of every key before `key`, adding up the links to its left on each level. */
async function totalsBefore(read: ReadPage, top: Page, key: string | undefined): Promise<Totals> {
  const passed: Totals[] = [];
  let page = top;
  for (;;) {
    if (isLeaf(page)) {
      const items =
        key === undefined ? page.items : page.items.filter((item) => compareKeys(item.key, key) < 0);
      return totalsOf([...passed, ...items.map(({ entry }) => ({ entries: 1, bytes: sizeOf(entry) }))]);
    }
    if (key === undefined) return totalsOf([...passed, ...page.items]);
    const at = lastAtOrBefore(page.items, key);
    if (at < 0) return totalsOf(passed);
    passed.push(...page.items.slice(0, at));
    page = await read(page.items[at]!.hash);
  }
}
