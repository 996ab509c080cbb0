// Tree pages in a Map, for tests. Bytes are copied on the way in and on the way out.

import { AppError } from '../../core/errors.ts';
import { compareKeys } from '../../core/model/path.ts';
import type { Digest, ListedPage, PageBytes, Pages } from '../../core/ports.ts';

export class MemoryPages implements Pages {
  readonly stored = new Map<Digest, Uint8Array>();
  readonly #condemned = new Map<Digest, number>();

  async get(hash: Digest): Promise<Uint8Array> {
    const bytes = this.stored.get(hash);
    if (!bytes) throw new AppError('damaged', `Page ${hash} is missing.`);
    return Uint8Array.from(bytes);
  }

  async getMany(hashes: readonly Digest[]): Promise<PageBytes[]> {
    return Promise.all(hashes.map(async (hash) => ({ hash, bytes: await this.get(hash) })));
  }

  async putMany(pages: readonly PageBytes[]): Promise<void> {
    for (const { hash, bytes } of pages) {
      if (!this.stored.has(hash)) this.stored.set(hash, Uint8Array.from(bytes));
      this.#condemned.delete(hash);
    }
  }

  async list(after = '', limit = 1_000): Promise<ListedPage[]> {
    const hashes = [...this.stored.keys()].filter((hash) => hash > after).sort(compareKeys);
    return hashes.slice(0, limit).map((hash) => {
      const condemnedAt = this.#condemned.get(hash);
      return { hash, ...(condemnedAt !== undefined && { condemnedAt }) };
    });
  }

  async condemn(hashes: readonly Digest[], at: number): Promise<void> {
    for (const hash of hashes)
      if (this.stored.has(hash) && !this.#condemned.has(hash)) this.#condemned.set(hash, at);
  }

  async rescue(hashes: readonly Digest[]): Promise<void> {
    for (const hash of hashes) this.#condemned.delete(hash);
  }

  async deleteCondemned(hashes: readonly Digest[], until: number): Promise<Digest[]> {
    for (const hash of hashes)
      if ((this.#condemned.get(hash) ?? Number.POSITIVE_INFINITY) <= until) {
        this.stored.delete(hash);
        this.#condemned.delete(hash);
      }
    return hashes.filter((hash) => !this.stored.has(hash));
  }
}
