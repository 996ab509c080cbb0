// Everything that roots reach, each page read once however many share it. A page that cannot be read throws: what lies
// below it is unknown, and nobody may act as if it were not there.

import { partsOf } from '../model/entry.ts';
import type { Digest, Pages } from '../ports.ts';
import { decodePage, emptyRoot, isLeaf } from './page.ts';

const pagesAtOnce = 200;

export class Reachable {
  readonly #pages: Pages;
  /** Pages that are reached. */
  readonly pages = new Set<Digest>();
  readonly blobs = new Set<Digest>();
  /** Pages below which the blobs were gathered too. */
  readonly #opened = new Set<Digest>();

  constructor(pages: Pages) {
    this.#pages = pages;
  }

  /** Adds trees with all their content. */
  addTrees(roots: Iterable<Digest>): Promise<void> {
    return this.#add(roots, this.#opened, true);
  }

  /** Adds trees that are only compared with: their pages, and no content. */
  addPages(roots: Iterable<Digest>): Promise<void> {
    return this.#add(roots, this.pages, false);
  }

  async #add(roots: Iterable<Digest>, seen: Set<Digest>, withBlobs: boolean): Promise<void> {
    const waiting: Digest[] = [];
    const visit = (hash: Digest) => {
      if (seen.has(hash) || hash === emptyRoot) return;
      seen.add(hash);
      this.pages.add(hash);
      waiting.push(hash);
    };
    for (const root of roots) visit(root);
    while (waiting.length > 0)
      for (const { hash, bytes } of await this.#pages.getMany(waiting.splice(-pagesAtOnce))) {
        const page = decodePage(hash, bytes);
        if (!isLeaf(page)) for (const link of page.items) visit(link.hash);
        else if (withBlobs)
          for (const { entry } of page.items) for (const { sha256 } of partsOf(entry)) this.blobs.add(sha256);
      }
  }
}
