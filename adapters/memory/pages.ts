// Tree pages in a Map, for tests. Bytes are copied on the way in and on the way out.

import { AppError } from '../../core/errors.ts';
import type { Digest, PageBytes, Pages } from '../../core/ports.ts';

export class MemoryPages implements Pages {
  readonly stored = new Map<Digest, Uint8Array>();

  async get(hash: Digest): Promise<Uint8Array> {
    const bytes = this.stored.get(hash);
    if (!bytes) throw new AppError('damaged', `Page ${hash} is missing.`);
    return Uint8Array.from(bytes);
  }

  async getMany(hashes: readonly Digest[]): Promise<PageBytes[]> {
    return Promise.all(hashes.map(async (hash) => ({ hash, bytes: await this.get(hash) })));
  }

  async putMany(pages: readonly PageBytes[]): Promise<void> {
    for (const { hash, bytes } of pages)
      if (!this.stored.has(hash)) this.stored.set(hash, Uint8Array.from(bytes));
  }
}
