// Reads pages with a cache of decoded ones. Pages are immutable, so a cached page is right for ever.

import type { Digest, Pages } from '../ports.ts';
import { decodePage, emptyPage, emptyRoot, type Page } from './page.ts';

export type ReadPage = (hash: Digest) => Promise<Page>;

/** Decoded pages take several times their bytes; 4,000 of them are about 100 MB. */
const cachedPages = 4_000;

const readers = new WeakMap<Pages, ReadPage>();

/** The one reader of a store, so that all who use the store share its cache. */
export function readerOf(pages: Pages): ReadPage {
  let reader = readers.get(pages);
  if (!reader) {
    reader = cachedReader(pages, cachedPages);
    readers.set(pages, reader);
  }
  return reader;
}

/** Least recently used goes first: a Map keeps insertion order, and a hit is inserted anew. */
export function cachedReader(pages: Pages, capacity: number): ReadPage {
  const cache = new Map<Digest, Promise<Page>>();
  const empty = Promise.resolve(decodePage(emptyRoot, emptyPage.bytes));
  return (hash) => {
    if (hash === emptyRoot) return empty;
    const hit = cache.get(hash);
    const page = hit ?? pages.get(hash).then((bytes) => decodePage(hash, bytes));
    if (hit) cache.delete(hash);
    cache.set(hash, page);
    if (!hit) {
      if (cache.size > capacity) cache.delete(cache.keys().next().value!);
      page.catch(() => cache.delete(hash));
    }
    return page;
  };
}
