// Trees as they are stored, looked at without trust: every page below some roots is read anew, and each is held against its
// name and against what its parents say of it. What is wrong is told, not thrown, so that one look finds everything.

import { isCode } from '../errors.ts';
import { partsOf, sizeOf } from '../model/entry.ts';
import { compareKeys } from '../model/path.ts';
import type { Digest, PageBytes, Pages } from '../ports.ts';
import { decodePage, emptyRoot, isLeaf, type Page, type Totals, totalsOf } from './page.ts';

const pagesAtOnce = 200;

interface LinkSeen extends Totals {
  readonly key: string;
  readonly hash: Digest;
}

interface PartSeen {
  readonly key: string;
  readonly sha256: Digest;
  readonly size: number;
}

/** What is kept of a page once it was looked at. */
interface Seen extends Totals {
  readonly first: string | undefined;
  readonly links: readonly LinkSeen[];
  readonly parts: readonly PartSeen[];
}

export class Inspection {
  readonly #pages: Pages;
  readonly #seen = new Map<Digest, Seen>();
  /** What is wrong, by the page that it is wrong with. */
  readonly problems = new Map<Digest, string>();

  constructor(pages: Pages) {
    this.#pages = pages;
  }

  get pages(): number {
    return this.#seen.size + this.problems.size;
  }

  /** Each blob that some entry names, with its size. */
  get parts(): Map<Digest, number> {
    const found = new Map<Digest, number>();
    for (const { parts } of this.#seen.values())
      for (const { sha256, size } of parts) found.set(sha256, size);
    return found;
  }

  /** Looks at every page below the roots that was not looked at yet. */
  async look(roots: Iterable<Digest>): Promise<void> {
    const asked = new Set<Digest>();
    const waiting: Digest[] = [];
    const visit = (hash: Digest) => {
      if (hash === emptyRoot || asked.has(hash) || this.#seen.has(hash) || this.problems.has(hash)) return;
      asked.add(hash);
      waiting.push(hash);
    };
    for (const root of roots) visit(root);
    while (waiting.length > 0)
      for (const page of await this.#read(waiting.splice(-pagesAtOnce)))
        for (const { hash } of this.#see(page)?.links ?? []) visit(hash);
  }

  /** Holds every link against the page that it leads to. Asked once all was looked at. */
  compareLinks(): void {
    for (const [parent, { links }] of this.#seen)
      for (const { hash, key, entries, bytes } of links) {
        const child = this.#seen.get(hash);
        if (child && (child.first !== key || child.entries !== entries || child.bytes !== bytes))
          this.problems.set(parent, `It says of page ${hash} what is not so.`);
      }
  }

  /** Where, below a root, something damaged is: the key of the entry, or the first key below a page. */
  damagedKeys(root: Digest, damaged: ReadonlySet<Digest>, most: number): string[] {
    const keys: string[] = [];
    const walk = (hash: Digest, first: string) => {
      if (keys.length >= most || !this.#isTouched(hash, damaged)) return;
      if (damaged.has(hash)) keys.push(first);
      const page = this.#seen.get(hash);
      for (const { key, sha256 } of page?.parts ?? []) if (damaged.has(sha256)) keys.push(key);
      for (const link of page?.links ?? []) walk(link.hash, link.key);
    };
    walk(root, this.#seen.get(root)?.first ?? '');
    return keys.slice(0, most);
  }

  readonly #touched = new Map<Digest, boolean>();

  #isTouched(hash: Digest, damaged: ReadonlySet<Digest>): boolean {
    const known = this.#touched.get(hash);
    if (known !== undefined) return known;
    const page = this.#seen.get(hash);
    const touched =
      damaged.has(hash) ||
      (page?.parts.some(({ sha256 }) => damaged.has(sha256)) ?? false) ||
      (page?.links.some((link) => this.#isTouched(link.hash, damaged)) ?? false);
    this.#touched.set(hash, touched);
    return touched;
  }

  /** The pages that are there; together where all are, else one by one. */
  async #read(hashes: readonly Digest[]): Promise<PageBytes[]> {
    try {
      return await this.#pages.getMany(hashes);
    } catch (error) {
      if (!isCode(error, 'damaged')) throw error;
    }
    const found: PageBytes[] = [];
    for (const hash of hashes)
      try {
        found.push({ hash, bytes: await this.#pages.get(hash) });
      } catch (error) {
        this.#note(hash, error);
      }
    return found;
  }

  #see({ hash, bytes }: PageBytes): Seen | undefined {
    try {
      const page = decodePage(hash, bytes);
      if (!isOrdered(page)) this.problems.set(hash, 'Its keys are not in order.');
      const seen = summaryOf(page);
      this.#seen.set(hash, seen);
      return seen;
    } catch (error) {
      this.#note(hash, error);
      return undefined;
    }
  }

  #note(hash: Digest, error: unknown): void {
    if (!isCode(error, 'damaged')) throw error;
    this.problems.set(hash, error.message);
  }
}

const isOrdered = ({ items }: Page): boolean =>
  items.every(({ key }, i) => i === 0 || compareKeys(items[i - 1]!.key, key) < 0);

function summaryOf(page: Page): Seen {
  const first = page.items[0]?.key;
  if (!isLeaf(page)) return { ...totalsOf(page.items), first, links: page.items, parts: [] };
  const sizes = page.items.map(({ entry }) => ({ entries: 1, bytes: sizeOf(entry) }));
  const parts = page.items.flatMap(({ key, entry }) => partsOf(entry).map((part) => ({ key, ...part })));
  return { ...totalsOf(sizes), first, links: [], parts };
}
