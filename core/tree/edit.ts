// Builds and edits a tree. The tree is rebuilt level by level from the leaves: the edits of one level are the links that
// changed on the level below. On each level only pages with an edit are cut again, and as many after them as it takes
// until an old and a new page end at the same key; everything else is shared with the old tree.

import type { Entry } from '../model/entry.ts';
import { compareKeys } from '../model/path.ts';
import type { Digest, PageBytes } from '../ports.ts';
import {
  decodePage,
  emptyPage,
  emptyRoot,
  encodePage,
  type Link,
  type PackedItem,
  type Page,
  packItems,
  packLeafItem,
  packLink,
  type Totals,
  totalsOf,
} from './page.ts';
import type { ReadPage } from './reader.ts';
import { lastAtOrBefore } from './search.ts';
import { endsPage } from './split.ts';

/** What a key shall hold: an entry, or nothing. */
export interface Edit {
  readonly key: string;
  readonly entry: Entry | undefined;
}

export interface EditedTree extends Totals {
  readonly root: Digest;
  /** The pages of the new tree that the old one does not have; to be put before the root is used. */
  readonly pages: readonly PageBytes[];
}

/** An edit on any level: the packed item that a key shall hold, or nothing. */
type ItemEdit = readonly [key: string, item: PackedItem | undefined];

/** Applies edits (any order, each key once) to the tree at `root`. */
export async function editTree(read: ReadPage, root: Digest, edits: readonly Edit[]): Promise<EditedTree> {
  const leafEdits = edits.map(({ key, entry }): ItemEdit => [key, entry && packLeafItem({ key, entry })]);
  const old = new OldTree(read, root);
  if (edits.length === 0) return { root, ...totalsOf(packItems(await old.rootPage())), pages: [] };
  const fresh = new Map<Digest, PageBytes>();
  const top = await rebuild(old, leafEdits.sort(byKey), fresh);
  return finish(old, top, fresh);
}

/** The links of the top level: none for an empty tree, else exactly one. */
async function rebuild(
  old: OldTree,
  leafEdits: readonly ItemEdit[],
  fresh: Map<Digest, PageBytes>,
): Promise<readonly Link[]> {
  const height = (await old.rootPage()).level;
  let edits = leafEdits;
  for (let level = 0; level <= height; level++) {
    const changed = await rebuildLevel(old, level, edits, fresh);
    if (level === height)
      return raise(
        level,
        changed.flatMap(([, link]) => link ?? []),
        fresh,
      );
    edits = changed.map(([key, link]): ItemEdit => [key, link && packLink(link)]);
  }
  return [];
}

/** Cuts one level again where it has edits; answers what that changes in the links to it. */
async function rebuildLevel(
  old: OldTree,
  level: number,
  edits: readonly ItemEdit[],
  fresh: Map<Digest, PageBytes>,
): Promise<[key: string, link: Link | undefined][]> {
  const links = new Map<string, Link | undefined>();
  let next = 0;
  while (next < edits.length) {
    const chunker = new Chunker(level, fresh);
    let place = await old.find(level, edits[next]![0]);
    for (;;) {
      const first = next;
      const end = place.end;
      while (next < edits.length && (end === undefined || compareKeys(edits[next]![0], end) < 0)) next++;
      if (place.key !== undefined) links.set(place.key, undefined);
      for (const item of applyToPage(place.page, edits.slice(first, next))) chunker.push(item);
      if (end === undefined || chunker.atBoundary) break;
      place = await old.find(level, end);
    }
    for (const link of chunker.finish()) links.set(link.key, link);
  }
  return [...links].sort(byKey);
}

/** Adds levels on top until one page holds everything. */
function raise(level: number, links: readonly Link[], fresh: Map<Digest, PageBytes>): readonly Link[] {
  let top = links;
  for (let above = level + 1; top.length > 1; above++) {
    const chunker = new Chunker(above, fresh);
    for (const link of top) chunker.push(packLink(link));
    top = chunker.finish();
  }
  return top;
}

/** A root with a single link says nothing: the page below it is the root. */
async function finish(
  old: OldTree,
  top: readonly Link[],
  fresh: Map<Digest, PageBytes>,
): Promise<EditedTree> {
  if (top.length === 0) return { root: emptyRoot, entries: 0, bytes: 0, pages: [emptyPage] };
  const { entries, bytes } = top[0]!;
  let root = top[0]!.hash;
  for (;;) {
    const page = await old.decoded(root, fresh);
    if (page.level === 0 || page.items.length > 1) break;
    fresh.delete(root);
    root = (page.items[0] as Link).hash;
  }
  return { root, entries, bytes, pages: [...fresh.values()].filter((page) => !old.has(page.hash)) };
}

function* applyToPage(page: Page, edits: readonly ItemEdit[]): Generator<PackedItem> {
  let next = 0;
  for (const item of packItems(page)) {
    while (next < edits.length && compareKeys(edits[next]![0], item.key) < 0) {
      const added = edits[next++]![1];
      if (added) yield added;
    }
    const edit = edits[next]?.[0] === item.key ? edits[next++]! : undefined;
    if (!edit) yield item;
    else if (edit[1]) yield edit[1];
  }
  for (; next < edits.length; next++) if (edits[next]![1]) yield edits[next]![1]!;
}

const byKey = (a: readonly [string, unknown], b: readonly [string, unknown]): number =>
  compareKeys(a[0], b[0]);

/** Collects items into pages of one level. */
class Chunker {
  readonly #level: number;
  readonly #fresh: Map<Digest, PageBytes>;
  readonly #links: Link[] = [];
  #items: PackedItem[] = [];
  #bytes = 0;

  constructor(level: number, fresh: Map<Digest, PageBytes>) {
    this.#level = level;
    this.#fresh = fresh;
  }

  get atBoundary(): boolean {
    return this.#items.length === 0;
  }

  push(item: PackedItem): void {
    this.#items.push(item);
    this.#bytes += item.packed.length;
    if (endsPage(this.#level, item.key, item.packed.length, this.#bytes, this.#items.length)) this.#cut();
  }

  finish(): readonly Link[] {
    if (!this.atBoundary) this.#cut();
    return this.#links;
  }

  #cut(): void {
    const page = encodePage(this.#level, this.#items);
    this.#fresh.set(page.hash, page);
    this.#links.push({ key: this.#items[0]!.key, hash: page.hash, ...totalsOf(this.#items) });
    this.#items = [];
    this.#bytes = 0;
  }
}

/** Where a page stands in its level: the key of the link to it (none for the root) and the first key after it. */
interface Place {
  readonly page: Page;
  readonly key: string | undefined;
  readonly end: string | undefined;
}

/** The tree as it was; remembers which of its pages were opened. */
class OldTree {
  readonly #read: ReadPage;
  readonly #root: Digest;
  readonly #opened = new Set<Digest>();

  constructor(read: ReadPage, root: Digest) {
    this.#read = read;
    this.#root = root;
  }

  has(hash: Digest): boolean {
    return this.#opened.has(hash);
  }

  rootPage(): Promise<Page> {
    return this.#open(this.#root);
  }

  /** A page of the new tree: a fresh one, or one of this tree. */
  decoded(hash: Digest, fresh: ReadonlyMap<Digest, PageBytes>): Promise<Page> {
    const page = fresh.get(hash);
    return page ? Promise.resolve(decodePage(hash, page.bytes)) : this.#open(hash);
  }

  /** The page of `level` in whose range `key` falls. */
  async find(level: number, key: string): Promise<Place> {
    let page = await this.#open(this.#root);
    let linkKey: string | undefined;
    let end: string | undefined;
    while (page.level > level) {
      const links = page.items as readonly Link[];
      const at = Math.max(0, lastAtOrBefore(links, key));
      linkKey = links[at]!.key;
      end = links[at + 1]?.key ?? end;
      page = await this.#open(links[at]!.hash);
    }
    return { page, key: linkKey, end };
  }

  #open(hash: Digest): Promise<Page> {
    this.#opened.add(hash);
    return this.#read(hash);
  }
}
