// Records in a SQLite table, ordered by partition and sort (both compared as UTF-8 bytes by SQLite's BINARY collation).

import { randomUUID } from 'node:crypto';
import { AppError, invariant } from '../../core/errors.ts';
import { afterPrefix } from '../../core/model/path.ts';
import type {
  Condition,
  RecordKey,
  RecordQuery,
  Records,
  RecordWrite,
  StoredRecord,
} from '../../core/ports.ts';
import type { Database } from './database.ts';

interface Row {
  readonly partition: string;
  readonly sort: string;
  readonly revision: string;
  readonly value: string;
}

const fromRow = <T>({ partition, sort, revision, value }: Row): StoredRecord<T> => ({
  partition,
  sort,
  revision,
  value: JSON.parse(value) as T,
});

const maxBatch = 100;

/** The last 48 bits of chance: short, for every record carries one. */
const newRevision = (): string => randomUUID().slice(-12);

const keyOf = (write: RecordWrite): RecordKey =>
  'put' in write ? write.put : 'delete' in write ? write.delete : write.check;

const keyText = ({ partition, sort }: RecordKey): string => JSON.stringify([partition, sort]);

export class LocalRecords implements Records {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
    database.handle.exec(
      `CREATE TABLE IF NOT EXISTS records (
         partition TEXT NOT NULL, sort TEXT NOT NULL, revision TEXT NOT NULL, value TEXT NOT NULL,
         PRIMARY KEY (partition, sort)) WITHOUT ROWID`,
    );
  }

  async get<T>(key: RecordKey): Promise<StoredRecord<T> | undefined> {
    const row = this.#find(key);
    return row && fromRow(row);
  }

  async getMany<T>(keys: readonly RecordKey[]): Promise<StoredRecord<T>[]> {
    const once = new Map(keys.map((key) => [keyText(key), key]));
    return [...once.values()].flatMap((key) => {
      const row = this.#find(key);
      return row ? [fromRow<T>(row)] : [];
    });
  }

  async query<T>({
    partition,
    prefix,
    after,
    reverse = false,
    limit = 1_000,
  }: RecordQuery): Promise<StoredRecord<T>[]> {
    const bounds = ['partition = ?', 'sort >= ?'];
    const values: (string | number)[] = [partition, prefix];
    const end = afterPrefix(prefix);
    if (end !== undefined) {
      bounds.push('sort < ?');
      values.push(end);
    }
    if (after !== undefined) {
      bounds.push(reverse ? 'sort < ?' : 'sort > ?');
      values.push(after);
    }
    const order = reverse ? 'DESC' : 'ASC';
    const sql = `SELECT * FROM records WHERE ${bounds.join(' AND ')} ORDER BY sort ${order} LIMIT ?`;
    const rows = this.#database.prepare(sql).all(...values, limit) as unknown as Row[];
    return rows.map((row) => fromRow<T>(row));
  }

  async write(batch: readonly RecordWrite[], durable?: 'soon'): Promise<void> {
    invariant(batch.length <= maxBatch, `a batch has at most ${maxBatch} writes`);
    invariant(
      new Set(batch.map((write) => keyText(keyOf(write)))).size === batch.length,
      'no key comes twice',
    );
    const apply = () => {
      for (const write of batch) this.#apply(write);
    };
    if (durable === 'soon') this.#database.settle(apply);
    else await this.#database.write(apply);
  }

  #find({ partition, sort }: RecordKey): Row | undefined {
    const sql = 'SELECT * FROM records WHERE partition = ? AND sort = ?';
    return this.#database.prepare(sql).get(partition, sort) as unknown as Row | undefined;
  }

  #apply(write: RecordWrite): void {
    const { partition, sort } = keyOf(write);
    if (write.if !== undefined) this.#require({ partition, sort }, write.if);
    if ('put' in write)
      this.#database
        .prepare('INSERT OR REPLACE INTO records (partition, sort, revision, value) VALUES (?, ?, ?, ?)')
        .run(partition, sort, newRevision(), JSON.stringify(write.value));
    else if ('delete' in write)
      this.#database.prepare('DELETE FROM records WHERE partition = ? AND sort = ?').run(partition, sort);
  }

  #require(key: RecordKey, condition: Condition): void {
    const row = this.#find(key);
    const holds =
      condition === 'absent' ? !row : condition === 'present' ? !!row : row?.revision === condition.revision;
    if (!holds) throw new AppError('conflict', `The record ${key.partition} ${key.sort} is not as expected.`);
  }
}
