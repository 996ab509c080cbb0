// Tree pages in a SQLite table.

import { AppError } from '../../core/errors.ts';
import type { Digest, PageBytes, Pages } from '../../core/ports.ts';
import type { Database } from './database.ts';

export class LocalPages implements Pages {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
    database.handle.exec('CREATE TABLE IF NOT EXISTS pages (hash TEXT PRIMARY KEY, bytes BLOB NOT NULL)');
  }

  async get(hash: Digest): Promise<Uint8Array> {
    const row = this.#database.prepare('SELECT bytes FROM pages WHERE hash = ?').get(hash);
    if (!row) throw new AppError('damaged', `Page ${hash} is missing.`);
    return row.bytes as Uint8Array;
  }

  async getMany(hashes: readonly Digest[]): Promise<PageBytes[]> {
    return Promise.all(hashes.map(async (hash) => ({ hash, bytes: await this.get(hash) })));
  }

  async putMany(pages: readonly PageBytes[]): Promise<void> {
    this.#database.settle(() => {
      const insert = this.#database.prepare('INSERT OR IGNORE INTO pages (hash, bytes) VALUES (?, ?)');
      for (const { hash, bytes } of pages) insert.run(hash, bytes);
    });
  }
}
