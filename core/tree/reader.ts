// Reads pages with a cache of decoded ones. Pages are immutable, so a cached page is right for ever.

import type { Digest, PageBytes, Pages } from '../ports.ts';
import { decodePage, emptyPage, type Page } from './page.ts';

export type ReadPage = (hash: Digest) => Promise<Page>;

/** Decoded pages take several times their bytes: full ones some 60 KB, so 4,000 of them up to 250 MB. */
const cachedPages = 4_000;

const caches = new WeakMap<Pages, PageCache>();

/** The one cache of a store, so that all who use the store share it. */
function cacheOf(pages: Pages): PageCache {
  let cache = caches.get(pages);
  if (!cache) {
    cache = new PageCache(pages, cachedPages);
    caches.set(pages, cache);
  }
  return cache;
}

export const readerOf = (pages: Pages): ReadPage => cacheOf(pages).read;

/** Reads these pages from now on without asking the store, which may not have them yet: who edits next needs them. */
export const keepPages = (pages: Pages, fresh: readonly PageBytes[]): void => cacheOf(pages).keep(fresh);

export const cachedReader = (pages: Pages, capacity: number): ReadPage => new PageCache(pages, capacity).read;

/** Least recently used goes first: a Map keeps insertion order, and a hit is inserted anew. */
class PageCache {
  readonly #pages: Pages;
  readonly #capacity: number;
  /** A page, or the bytes of one that nobody has read yet. */
  readonly #known = new Map<Digest, Promise<Page> | Uint8Array>();

  constructor(pages: Pages, capacity: number) {
    this.#pages = pages;
    this.#capacity = capacity;
  }

  readonly read: ReadPage = (hash) => {
    const known = hash === emptyPage.hash ? emptyPage.bytes : this.#known.get(hash);
    if (known instanceof Promise) return this.#put(hash, known);
    if (known) return this.#put(hash, Promise.resolve(decodePage(hash, known)));
    const page = this.#pages.get(hash).then((bytes) => decodePage(hash, bytes));
    page.catch(() => this.#known.delete(hash));
    return this.#put(hash, page);
  };

  keep(fresh: readonly PageBytes[]): void {
    for (const { hash, bytes } of fresh) if (!this.#known.has(hash)) this.#put(hash, bytes);
  }

  #put<T extends Promise<Page> | Uint8Array>(hash: Digest, page: T): T {
    this.#known.delete(hash);
    this.#known.set(hash, page);
    if (this.#known.size > this.#capacity) this.#known.delete(this.#known.keys().next().value!);
    return page;
  }
}
