// Pages in a Map, counting what is asked of them.

import type { Digest, PageBytes, Pages } from '../../core/ports.ts';
import { emptyPage } from '../../core/tree/page.ts';
import { cachedReader, type ReadPage } from '../../core/tree/reader.ts';

export class MemoryPages implements Pages {
  readonly stored = new Map<Digest, Uint8Array>([[emptyPage.hash, emptyPage.bytes]]);
  readonly read = new Set<Digest>();

  async get(hash: Digest): Promise<Uint8Array> {
    const bytes = this.stored.get(hash);
    if (!bytes) throw new Error(`no page ${hash}`);
    this.read.add(hash);
    return bytes;
  }

  async getMany(hashes: readonly Digest[]): Promise<PageBytes[]> {
    return Promise.all(hashes.map(async (hash) => ({ hash, bytes: await this.get(hash) })));
  }

  async putMany(pages: readonly PageBytes[]): Promise<void> {
    for (const { hash, bytes } of pages) this.stored.set(hash, bytes);
  }

  /** A reader without a cache worth the name: every look is counted. */
  reader(): ReadPage {
    return cachedReader(this, 1);
  }
}
