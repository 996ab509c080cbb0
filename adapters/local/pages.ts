// Tree pages in a SQLite table.

import { AppError } from '../../core/errors.ts';
import type { Digest, ListedPage, PageBytes, Pages } from '../../core/ports.ts';
import type { Database } from './database.ts';

export class LocalPages implements Pages {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
    database.handle.exec(
      'CREATE TABLE IF NOT EXISTS pages (hash TEXT PRIMARY KEY, condemned_at INTEGER, bytes BLOB NOT NULL)',
    );
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
      const insert = this.#database.prepare(
        `INSERT INTO pages (hash, bytes) VALUES (?, ?)
         ON CONFLICT DO UPDATE SET condemned_at = NULL WHERE condemned_at IS NOT NULL`,
      );
      for (const { hash, bytes } of pages) insert.run(hash, bytes);
    });
  }

  async list(after = '', limit = 1_000): Promise<ListedPage[]> {
    const sql = 'SELECT hash, condemned_at FROM pages WHERE hash > ? ORDER BY hash LIMIT ?';
    const rows = this.#database.prepare(sql).all(after, limit) as {
      hash: string;
      condemned_at: number | null;
    }[];
    return rows.map(({ hash, condemned_at: at }) => ({ hash, ...(at !== null && { condemnedAt: at }) }));
  }

  condemn(hashes: readonly Digest[], at: number): Promise<void> {
    const sql = 'UPDATE pages SET condemned_at = ? WHERE hash = ? AND condemned_at IS NULL';
    return this.#database.write(() => {
      for (const hash of hashes) this.#database.prepare(sql).run(at, hash);
    });
  }

  rescue(hashes: readonly Digest[]): Promise<void> {
    const sql = 'UPDATE pages SET condemned_at = NULL WHERE hash = ?';
    return this.#database.write(() => {
      for (const hash of hashes) this.#database.prepare(sql).run(hash);
    });
  }

  deleteCondemned(hashes: readonly Digest[], until: number): Promise<Digest[]> {
    return this.#database.write(() => {
      const remove = this.#database.prepare('DELETE FROM pages WHERE hash = ? AND condemned_at <= ?');
      const find = this.#database.prepare('SELECT 1 FROM pages WHERE hash = ?');
      for (const hash of hashes) remove.run(hash, until);
      return hashes.filter((hash) => find.get(hash) === undefined);
    });
  }
}
